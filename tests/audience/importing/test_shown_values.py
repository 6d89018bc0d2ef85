"""Cells of XLSX files are read as Excel shows them, by type."""

import io
from xml.sax.saxutils import escape

import pytest

from tests.audience.sheets import BOOK, HEAD, MAIN, write_parts
from vestnik.audience.importing.row_types import Progress
from vestnik.audience.importing.xlsx import workbook

BOOK_1904 = BOOK.replace("<sheets>", '<workbookPr date1904="1"/><sheets>')
STRINGS = "<sst>{}</sst>".format(
    "".join(
        f"<si>{one}</si>"
        for one in (
            "<t>плоский</t>",
            "<t>Анна_x000D_\nПетровна</t>",
            "<t>_x005F_x000D_ как есть</t>",
            "<t>_xD83D__xDE00_ и _xD83D_</t>",
            "<r><t>из </t></r><r><rPr><b/></rPr><t>частей</t></r><rPh><t>подсказка</t></rPh>",
            '<t xml:space="preserve"> края </t>',
        )
    )
)


def shown(cell: str, code: str = "General", book: str = BOOK) -> str:
    """What a cell is read as; `code` is the format of its style 1."""
    styles = (
        f'{HEAD}<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="170" '
        f'formatCode="{escape(code, {chr(34): "&quot;"})}"/></numFmts>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="170"/></cellXfs></styleSheet>'
    )
    row = f'<sheetData><row r="1">{cell}</row></sheetData>'
    sheet = f'{HEAD}<worksheet xmlns="{MAIN}">{row}</worksheet>'
    target = io.BytesIO()
    write_parts(target, sheet=sheet, strings=STRINGS, styles=styles, book=book)
    rows = list(workbook.rows(target, Progress()))
    return rows[0][1][0] if rows else ""


def number(value: str, code: str, book: str = BOOK) -> str:
    return shown(f'<c r="A1" s="1"><v>{value}</v></c>', code, book)


@pytest.mark.parametrize(
    ("value", "code", "wanted"),
    [
        # dates
        ("44197", "dd.mm.yyyy", "2021-01-01"),
        ("44197", "m/d/yy h:mm", "2021-01-01"),
        ("44197.4375", "dd.mm.yyyy hh:mm", "2021-01-01T10:30:00"),
        ("44197.75", "dd.mm.yyyy", "2021-01-01"),
        ("44197.999999", "yyyy-mm-dd hh:mm:ss", "2021-01-02"),
        ("44197", "[$-419]d mmmm yyyy;@", "2021-01-01"),
        ("44197", 'dd.mm.yyyy" г."', "2021-01-01"),
        ("44197", "mmmm", "2021-01-01"),
        ("44197", "[Red]dd\\.mm\\.yy", "2021-01-01"),
        ("1", "dd.mm.yyyy", "1900-01-01"),
        ("59", "dd.mm.yyyy", "1900-02-28"),
        ("60", "dd.mm.yyyy", "1900-02-29"),
        ("61", "dd.mm.yyyy", "1900-03-01"),
        ("0", "dd.mm.yyyy", "1900-01-00"),
        ("2958465", "dd.mm.yyyy", "9999-12-31"),
        ("2958466", "dd.mm.yyyy", "2958466"),
        ("-1", "dd.mm.yyyy", "-1"),
        ("нет", "dd.mm.yyyy", "нет"),
        # a time alone
        ("0.4375", "h:mm", "10:30"),
        ("0.4375", "h:mm:ss", "10:30:00"),
        ("0.4375", "h:mm AM/PM", "10:30"),
        ("0.4375", "dd.mm.yyyy hh:mm", "10:30"),
        ("0.43752", "dd.mm.yyyy hh:mm", "10:30:02"),
        ("44197.4375", "h:mm", "10:30"),
        ("0", "h:mm", "00:00"),
        ("0.0075", "mm:ss", "00:10:48"),
        # durations
        ("1.5", "[h]:mm", "36:00"),
        ("1.0520833333333333", "[h]:mm:ss", "25:15:00"),
        ("1.0520833333333333", "[hh]", "25"),
        ("0.0520833333333333", "[mm]:ss", "75:00"),
        ("0.0520833333333333", "[m]", "75"),
        ("0.5", "[ss]", "43200"),
        ("-0.5", "[h]:mm", "-0.5"),
        # numbers
        ("0.30000000000000004", "General", "0.3"),
        ("4276123456789012.0", "General", "4276123456789012"),
        ("4276123456789012", "0", "4276123456789012"),
        ("7.9261234567E+10", "General", "79261234567"),
        ("79261234567.0", "0", "79261234567"),
        ("1E-3", "General", "0.001"),
        ("1.5", "0.00", "1.5"),
        ("1234.5", '# ##0.00" ₽"', "1234.5"),
        ("150", "#,##0 [$₽-419]", "150"),
        ("0.15", "0%", "0.15"),
        ("1E+20", "General", "100000000000000000000"),
        ("1E+30", "General", "1e+30"),
        ("0.1", "General", "0.1"),
        ("-0", "General", "0"),
        ("7", "000", "007"),
        ("123456", "000000", "123456"),
        ("1.5", "000", "1.5"),
        ("7", 'General"d"', "7"),
        ("7", "Standard", "7"),
        ("7", '0" дней"', "7"),
        ("7", "0\\d", "7"),
        ("1_000", "General", "1_000"),
        ("inf", "General", "inf"),
        ("nan", "General", "nan"),
    ],
)
def test_a_number_is_what_its_format_makes_of_it(value: str, code: str, wanted: str):
    assert number(value, code) == wanted


@pytest.mark.parametrize(
    ("value", "code", "wanted"),
    [
        ("42735", "dd.mm.yyyy", "2021-01-01"),
        ("0", "dd.mm.yyyy", "1904-01-01"),
        ("0.5", "h:mm", "12:00"),
        ("42735.4375", "dd.mm.yyyy hh:mm", "2021-01-01T10:30:00"),
        ("2957003", "dd.mm.yyyy", "9999-12-31"),
        ("2957004", "dd.mm.yyyy", "2957004"),
    ],
)
def test_days_are_counted_from_where_the_workbook_says(value: str, code: str, wanted: str):
    assert number(value, code, BOOK_1904) == wanted


@pytest.mark.parametrize(
    ("cell", "code", "wanted"),
    [
        ('<c t="b"><v>1</v></c>', "General", "TRUE"),
        ('<c t="b"><v>0</v></c>', "General", "FALSE"),
        ('<c t="e"><v>#N/A</v></c>', "General", "#N/A"),
        ('<c t="s"><v>0</v></c>', "General", "плоский"),
        ('<c t="s"><v>1</v></c>', "General", "Анна\nПетровна"),
        ('<c t="s"><v>2</v></c>', "General", "_x000D_ как есть"),
        ('<c t="s"><v>3</v></c>', "General", "😀 и \ufffd"),
        ('<c t="s"><v>4</v></c>', "General", "из частей"),
        ('<c t="s"><v>5</v></c>', "General", " края "),
        ('<c t="str"><f>A2</f><v>a_x000D_b</v></c>', "General", "a\nb"),
        ('<c t="inlineStr"><is><t>1.0</t></is><v>1.</v></c>', "General", "1.0"),
        ("<c><is><t>1.0</t></is><v>1.5</v></c>", "General", "1.5"),
        ("<c><is><t>текст</t></is></c>", "General", "текст"),
        ('<c t="inlineStr"><v>x</v></c>', "General", "x"),
        ('<c t="inlineStr"><is><t>a</t><rPh><t>b</t></rPh></is></c>', "General", "a"),
        ("<c><f>1+1</f></c>", "General", ""),
        ("<c><f>1+1</f><v>2</v></c>", "General", "2"),
        ('<c t="d" s="1"><v>2021-01-01T00:00:00.000</v></c>', "dd.mm.yyyy", "2021-01-01"),
        ('<c t="d" s="1"><v>2021-01-01</v></c>', "dd.mm.yyyy", "2021-01-01"),
        (
            '<c t="d" s="1"><v>2021-01-01T10:30:00.00000000000000012</v></c>',
            "dd.mm.yyyy h:mm",
            "2021-01-01T10:30:00",
        ),
        ('<c t="d" s="1"><v>1899-12-31T10:30:00</v></c>', "h:mm", "10:30"),
        ('<c t="d" s="1"><v>10:30:00Z</v></c>', "h:mm:ss", "10:30:00"),
        ('<c t="d"><v>2021-01-01T23:59:59.9999999</v></c>', "General", "2021-01-02"),
        ('<c t="d"><v>вчера</v></c>', "General", "вчера"),
    ],
)
def test_a_cell_is_read_by_its_type(cell: str, code: str, wanted: str):
    assert shown(cell, code) == wanted
