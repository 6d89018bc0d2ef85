"""The time zones of regions and cities, by whole words of their names.

The regions are those of the regulator's register, former names included. Whole words are compared,
since the adjective of Kostroma (Костромская) contains that of Omsk (омская).
"""

import re
from functools import cache

#: The words in the names of each zone's regions. `-` marks an adjective and `+` a feminine noun,
#: which match in every case; other words are masculine nouns.
REGIONS = {
    "Europe/Kaliningrad": "калининградск-",
    "Europe/Simferopol": "крым крымск- севастопол",
    "Europe/Moscow": (
        "москв+ московск- санкт-петербург петербург спб ленинградск- архангельск- ненецк- "
        "белгородск- брянск- владимирск- вологодск- воронежск- ивановск- калужск- костромск- "
        "краснодарск- кубан курск- липецк- мурманск- нижегородск- новгородск- орловск- пензенск- "
        "псковск- ростовск- рязанск- смоленск- ставропольск- тамбовск- тверск- тульск- ярославск- "
        "адыге+ дагестан ингушети+ ингушск- кабардино-балкари+ кабардино-балкарск- калмыки+ "
        "карачаево-черкеси+ карачаево-черкесск- карели+ коми марий мари марийск- мордови+ "
        "мордовск- осети+ осетинск- алани+ татарстан татари+ чеченск- чечн+ чечено-ингушск- "
        "чувашск- чуваши+ донецк- луганск- запорожск- херсонск- днр лнр абхази+"
    ),
    "Europe/Kirov": "кировск-",
    "Europe/Volgograd": "волгоградск-",
    "Europe/Samara": "самарск- удмуртск- удмурти+",
    "Europe/Saratov": "саратовск-",
    "Europe/Ulyanovsk": "ульяновск-",
    "Europe/Astrakhan": "астраханск-",
    "Asia/Yekaterinburg": (
        "свердловск- челябинск- курганск- тюменск- оренбургск- пермск- башкортостан башкири+ "
        "башкирск- ханты-мансийск- хмао югр+ ямало-ненецк- янао коми-пермяцк-"
    ),
    "Asia/Omsk": "омск-",
    "Asia/Novosibirsk": "новосибирск-",
    "Asia/Barnaul": "алтайск- алтай горно-алтайск-",
    "Asia/Tomsk": "томск-",
    "Asia/Novokuznetsk": "кемеровск- кузбасс",
    "Asia/Krasnoyarsk": (
        "красноярск- хакаси+ хакасск- тыв+ тув+ тувинск- таймырск- долгано-ненецк- эвенкийск-"
    ),
    "Asia/Irkutsk": "иркутск- бурятск- буряти+ усть-ордынск- ордынск-",
    "Asia/Chita": "забайкальск- читинск- агинск- агинско-бурятск-",
    "Asia/Yakutsk": "амурск- саха якути+ якутск-",
    "Asia/Vladivostok": "приморск- приморь+ хабаровск- еврейск- еао",
    "Asia/Magadan": "магаданск-",
    "Asia/Sakhalin": "сахалинск-",
    "Asia/Kamchatka": "камчатск- камчатк+ корякск-",
    "Asia/Anadyr": "чукотск- чукотк+",
    "Asia/Qyzylorda": "байконур",
    "Asia/Almaty": "казахстан",
}
#: One of these words decides against any other word of the name: the former Buryat districts
#: (Агинский, Усть-Ордынский) and the Nenets one (Таймырский) have other zones than Buryatia and the
#: Nenets region.
DECISIVE = "агинск- агинско-бурятск- усть-ордынск- ордынск- таймырск- долгано-ненецк-"

#: Cities by their zones, those included that share their region's name.
CITIES = {
    "Europe/Kaliningrad": "калининград",
    "Europe/Simferopol": "симферополь|севастополь|керчь|евпатория|ялта|феодосия",
    "Europe/Moscow": (
        "москва|мск|санкт-петербург|петербург|спб|питер|нижний новгород|казань|ростов-на-дону|"
        "воронеж|краснодар|ярославль|махачкала|рязань|пенза|липецк|чебоксары|тула|курск|"
        "ставрополь|тверь|брянск|иваново|белгород|сочи|владимир|архангельск|калуга|"
        "смоленск|череповец|саранск|орел|вологда|владикавказ|грозный|мурманск|тамбов|петрозаводск|"
        "кострома|новороссийск|йошкар-ола|химки|таганрог|сыктывкар|нальчик|шахты|нижнекамск|"
        "братеево|дзержинск|старый оскол|великий новгород|псков|балашиха|подольск|мытищи|королев|"
        "люберцы|красногорск|домодедово|одинцово|рыбинск|северодвинск|армавир|набережные челны|"
        "альметьевск|майкоп|назрань|элиста|черкесск|магас|нарьян-мар|воркута|ухта|обнинск|"
        "новомосковск|елец|муром|ковров|пятигорск|кисловодск|ессентуки|невинномысск|дербент|"
        "хасавюрт|каспийск|волгодонск|новочеркасск|батайск|анапа|геленджик|выборг|гатчина|"
        "зеленоград|серпухов|коломна|электросталь|щелково|долгопрудный|ногинск|раменское|пушкино|"
        "жуковский|реутов|донецк|луганск|мариуполь|мелитополь|арзамас|саров|зеленодольск|"
        "новочебоксарск|апатиты|североморск|великие луки|старая русса|кинешма|вязьма"
    ),
    "Europe/Kirov": "киров",
    "Europe/Volgograd": "волгоград|волжский|камышин",
    "Europe/Samara": "самара|тольятти|ижевск|сызрань|новокуйбышевск|воткинск|сарапул|глазов",
    "Europe/Saratov": "саратов|энгельс|балаково",
    "Europe/Ulyanovsk": "ульяновск|димитровград",
    "Europe/Astrakhan": "астрахань",
    "Asia/Yekaterinburg": (
        "екатеринбург|екб|челябинск|уфа|пермь|тюмень|оренбург|магнитогорск|сургут|курган|"
        "стерлитамак|нижний тагил|нижневартовск|орск|златоуст|миасс|каменск-уральский|салават|"
        "нефтекамск|березники|новый уренгой|ноябрьск|первоуральск|тобольск|ханты-мансийск|салехард|"
        "нефтеюганск|копейск|соликамск|кудымкар|шадринск|бузулук|когалым|серов"
    ),
    "Asia/Omsk": "омск",
    "Asia/Novosibirsk": "новосибирск|бердск|искитим",
    "Asia/Barnaul": "барнаул|бийск|рубцовск|горно-алтайск",
    "Asia/Tomsk": "томск|северск",
    "Asia/Novokuznetsk": "кемерово|новокузнецк|прокопьевск|междуреченск|ленинск-кузнецкий",
    "Asia/Krasnoyarsk": "красноярск|абакан|кызыл|норильск|ачинск|канск|минусинск",
    "Asia/Irkutsk": "иркутск|братск|ангарск|улан-удэ|усть-илимск|усолье-сибирское",
    "Asia/Chita": "чита|краснокаменск",
    "Asia/Yakutsk": "якутск|нерюнгри",
    "Asia/Vladivostok": (
        "владивосток|хабаровск|комсомольск-на-амуре|уссурийск|находка|биробиджан|артем|арсеньев"
    ),
    "Asia/Magadan": "магадан",
    "Asia/Sakhalin": "южно-сахалинск",
    "Asia/Kamchatka": "петропавловск-камчатский|елизово",
    "Asia/Anadyr": "анадырь",
    "Asia/Qyzylorda": "байконур",
    "Asia/Almaty": (
        "алматы|алма-ата|астана|нур-султан|шымкент|караганда|актобе|тараз|павлодар|"
        "усть-каменогорск|семей|атырау|костанай|кызылорда|актау|туркестан"
    ),
}
ADJECTIVE = ("ая", "ой", "ую", "ий", "ого", "ому", "им", "ом", "ое")
FEMININE = ("а", "я", "ы", "и", "у", "ю", "е", "ой", "ей", "ью", "ия", "ии", "ию", "ией", "ье")
MASCULINE = ("", "а", "у", "ом", "е", "ь", "я", "ем")
#: A Russian word, with hyphens inside.
WORD = re.compile(r"[а-я]+(?:-[а-я]+)*")
#: The register writes «Ханты - Мансийский» in several ways.
SPACED_DASH = re.compile(r"\s*([|–—−-])\s*")
#: Separators of several regions in one field.
BETWEEN = re.compile(r",|\*|;| и (?=[\w. -]+)")
#: «г. Казань» is Казань.
CITY_SIGN = re.compile(r"^(?:г\.|гор\.|город\b|г\b)\s*")


def last_named(region: str) -> str:
    """Return the region of `settlement|…|region`, verbatim; empty if none is named."""
    name = region.rpartition("|")[2].strip()
    return "" if name == "-" else name


def zone_of(region: str) -> str | None:
    """Return the zone of a region of the register; None if it is unknown or ambiguous."""
    zones = {_zone_of_one(part) for part in BETWEEN.split(_plain(last_named(region)))}
    return zones.pop() if len(zones) == 1 else None


def zone_of_place(place: str) -> str | None:
    """Return the zone of a city or region as people write it; None as for `zone_of`."""
    names = [CITY_SIGN.sub("", part.strip()) for part in BETWEEN.split(_plain(place))]
    zones = {_cities().get(name) or zone_of(name) for name in names} - {None}
    return zones.pop() if len(zones) == 1 else None


def _plain(name: str) -> str:
    return SPACED_DASH.sub(lambda match: "|" if match[1] == "|" else "-", name.casefold()).replace(
        "ё", "е"
    )


def _zone_of_one(name: str) -> str | None:
    known, decisive = _words()
    words = [word for match in WORD.findall(name) for word in _parts(match)]
    for candidates in (
        [known[word] for word in words if word in decisive],
        [known[word] for word in words if word in known],
    ):
        if candidates:
            return candidates[0] if len(set(candidates)) == 1 else None
    return None


def _parts(word: str) -> list[str]:
    """Return a hyphenated word whole if it is known, else its parts."""
    return [word] if word in _words()[0] else word.split("-")


@cache
def _words() -> tuple[dict[str, str], frozenset[str]]:
    """Return the zone of each form of each word, and the forms that decide."""
    forms = {
        form: zone
        for zone, words in REGIONS.items()
        for word in words.split()
        for form in _forms(word)
    }
    decisive = frozenset(form for word in DECISIVE.split() for form in _forms(word))
    return forms, decisive


def _forms(word: str) -> list[str]:
    stem = word.rstrip("-+")
    endings = {"-": ADJECTIVE, "+": FEMININE}.get(word[-1], MASCULINE)
    return [stem + ending for ending in endings]


@cache
def _cities() -> dict[str, str]:
    return {city: zone for zone, cities in CITIES.items() for city in cities.split("|")}
