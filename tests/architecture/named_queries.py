"""The statements of the product that have a name: constants of its modules that are SQL."""

import ast
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

PRODUCT = Path(__file__).parents[2] / "vestnik"
#: Other packages have no statements, or run them elsewhere than in the product's database.
PACKAGES = ("access", "api", "audience", "dashboard", "db", "dispatch", "mailings", "reports")
STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|MERGE)\s")
#: In the order of their places: an escaped per cent, a named and an unnamed parameter.
PLACEHOLDER = re.compile(r"%%|%\((\w+)\)s|%s")
#: The functions of `vestnik.db.sql` that run a statement.
CALLS = ("sql.rows", "sql.value", "sql.run")


def modules(packages: tuple[str, ...] = PACKAGES) -> Iterator[Path]:
    """The files of the modules of these packages, without migrations."""
    for package in packages:
        for path in sorted((PRODUCT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def name_of(path: Path) -> str:
    """The dotted name of a module below `vestnik`."""
    parts = path.relative_to(PRODUCT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def named_queries() -> dict[str, str]:
    """Each statement by its module and constant; those in a table of them by their key as well."""
    found: dict[str, str] = {}
    for path in modules():
        module = import_module(f"vestnik.{name_of(path)}")
        for constant in assigned(path):
            value = getattr(module, constant)
            entries = value.items() if isinstance(value, Mapping) else [("", value)]
            for key, text in entries:
                if isinstance(text, str) and STATEMENT.match(text):
                    name = f"{name_of(path)}.{constant}"
                    found[f"{name}[{key}]" if key else name] = text
    return found


def assigned(path: Path) -> Iterator[str]:
    """The constants that a module itself assigns."""
    for node in ast.parse(path.read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else ()
        for target in targets:
            if isinstance(target, ast.Name) and target.id.isupper():
                yield target.id


def numbered(statement: str) -> str:
    """A statement with the parameters of PREPARE, `$1` and so on; one that is named twice is one
    parameter, as where the pipeline prepares it."""
    numbers: dict[str, int] = {}

    def place(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        name = match[1] or f"unnamed {len(numbers)}"
        return f"${numbers.setdefault(name, len(numbers) + 1)}"

    return PLACEHOLDER.sub(place, statement)


class Run(NamedTuple):
    """A call that runs a statement."""

    #: The module and the function that call.
    caller: str
    #: Whether the fields of its rows have names.
    by_name: bool
    statement: ast.expr
    module: str

    @property
    def constant(self) -> str | None:
        """The constant that is run, of a table of statements its name; None where it is made."""
        node = self.statement
        if isinstance(node, ast.Subscript):
            node = node.value
        name = node.attr if isinstance(node, ast.Attribute) else ast.unparse(node)
        return name if name.isidentifier() and name.isupper() else None


def runs(packages: tuple[str, ...]) -> Iterator[Run]:
    """The calls that run a statement by `vestnik.db.sql`."""
    for path in modules(packages):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Call) and ast.unparse(node.func) in CALLS:
                        by_name = any(keyword.arg == "of" for keyword in node.keywords)
                        module = name_of(path)
                        yield Run(f"{module}:{function.name}", by_name, node.args[0], module)
