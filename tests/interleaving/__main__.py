"""`python -m tests.interleaving`: all ordered pairs of operations, each stopped at each statement.

    --pair mark delete      one pair in both orders
    --sample 300 --seed 7   a random sample of that size
    --each 3                a random sample of each pair
    --share 1/2             every second meeting from the first on: one process for each processor
    --storm 200             that many mailings, with six threads of four operations each

It prints the number of runs and the faults, and exits with status 1 if there are any.
"""

import argparse
import logging
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from tests.stack.embedded_servers import Servers

ENVIRON = {"DJANGO_SETTINGS_MODULE": "vestnik.settings", "SECRET_KEY": "for-tests-alone"}
SHOWN = 3


def main() -> None:
    options = _options()
    with Servers() as servers:
        servers.start()
        os.environ |= servers.environ() | ENVIRON | {"VESTNIK_HOME": str(servers.home.path)}
        _set_up(servers)
        from tests.interleaving import pairs

        if options.storm:
            sys.exit(_storm(options.storm, random.Random(options.seed)))
        meetings: Iterable[pairs.Meeting]
        with pairs.Stage() as stage:
            if options.each:
                meetings = pairs.each(stage, options.each, random.Random(options.seed))
            elif options.sample:
                meetings = pairs.sample(stage, options.sample, random.Random(options.seed))
            else:
                chosen = tuple(options.pair) if options.pair else None
                meetings = pairs.every(chosen, options.situation)
            meetings = islice(meetings, options.share[0] - 1, None, options.share[1])
            broken = _report(pairs.run_all(stage, meetings))
    sys.exit(broken)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.interleaving")
    parser.add_argument("--pair", nargs=2, metavar=("FIRST", "SECOND"))
    parser.add_argument("--situation")
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--each", type=int, default=0)
    parser.add_argument("--storm", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=_share, default=(1, 1))
    return parser.parse_args()


def _share(text: str) -> tuple[int, int]:
    """`2/3` is the second of three."""
    which, _, of = text.partition("/")
    if not 1 <= int(which) <= int(of):
        raise ValueError(text)
    return int(which), int(of)


def _set_up(servers: Servers) -> None:
    import django

    import vestnik.celery  # noqa: F401  (creates the app)

    django.setup()
    from django.core.management import call_command

    servers.hurry()
    call_command("migrate", verbosity=0)
    logging.disable(logging.CRITICAL)


def _report(results: Iterator["object"]) -> bool:
    """Print the faults, the pairs with most of them first."""
    began, ran, waited = time.monotonic(), 0, 0
    longest, which = 0.0, ""
    found: dict[tuple[str, str], list[str]] = {}
    for result in results:
        ran += 1
        waited += result.waited
        meeting = result.meeting
        if result.held > longest:
            longest, which = result.held, str(meeting)
        for fault in result.faults:
            line = f"{meeting}, before {result.stopped_at[:90]!r}: {fault}"
            found.setdefault((meeting.first, meeting.second), []).append(line)
            print(line, flush=True)
        if ran % 500 == 0:
            print(f"  {ran} ran, {ran / (time.monotonic() - began):.0f} a second", flush=True)
    seconds = time.monotonic() - began
    print(f"\n{ran} interleavings in {seconds:.0f} s, {ran / seconds:.0f} a second; ", end="")
    print(f"in {waited} the second waited for what the first held")
    print(
        f"nothing was held for more than {longest:.2f} s while its holder ran: {which or 'at all'}"
    )
    for (first, second), lines in sorted(found.items(), key=lambda item: -len(item[1])):
        kinds = Counter(line.rpartition("': ")[2] for line in lines)
        print(f"{first} × {second}: {len(lines)}: ", end="")
        print("; ".join(f"{kind} ({n})" for kind, n in kinds.most_common(SHOWN)))
    print(f"{sum(map(len, found.values()))} faults in {len(found)} pairs")
    return bool(found)


def _storm(rounds: int, chance: random.Random) -> bool:
    from tests.interleaving.storm import Storm, deadlocks

    found = 0
    with Storm() as storm:
        before = deadlocks()
        for _ in range(rounds):
            for fault in storm.round(chance):
                found += 1
                print(fault, flush=True)
        met = deadlocks() - before
    print(f"{rounds} rounds, {met} deadlocks, {found} faults")
    return bool(found)


if __name__ == "__main__":
    main()
