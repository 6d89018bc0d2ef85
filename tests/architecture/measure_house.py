"""`make measure`: the sizes of functions, files and folders of vestnik/, and its share of comments.

Functions and files of migrations, and data, are left out. A function's lines are counted from its
`def` to its end, without its docstring; a comment is a line that is nothing else.
"""

import ast
import io
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "vestnik"
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class House:
    """The figures of one package."""

    functions: Sequence[int]
    files: Sequence[int]
    folders: Sequence[int]
    lines: int
    comments: int

    @property
    def comment_share(self) -> float:
        return self.comments / self.lines


def measure(package: Path = PACKAGE) -> House:
    """Read every module of the package."""
    modules = [p for p in sorted(package.rglob("*.py")) if "migrations" not in p.parts]
    texts = {path: path.read_text() for path in modules}
    files = [len(text.splitlines()) for text in texts.values() if text.strip()]
    return House(
        functions=[n for text in texts.values() for n in function_lines(text)],
        files=files,
        folders=[*Counter(p.parent for p in modules if p.name != "__init__.py").values()],
        lines=sum(files),
        comments=sum(map(comment_lines, texts.values())),
    )


def function_lines(text: str) -> Iterator[int]:
    """The lines of each function and method."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Function):
            yield (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node)


def docstring_lines(node: Function) -> int:
    """The lines of a function's docstring; none where it is all that the function has."""
    first = node.body[0]
    if ast.get_docstring(node) is None or len(node.body) == 1:
        return 0
    return (first.end_lineno or first.lineno) - first.lineno + 1


def comment_lines(text: str) -> int:
    """The lines that are a comment and nothing else."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(t.type == tokenize.COMMENT and t.line.lstrip().startswith("#") for t in tokens)


def p90(values: Sequence[int]) -> int:
    """The value that nine in ten do not exceed."""
    return round(quantiles(values, n=10, method="inclusive")[-1])


def table(house: House) -> str:
    """The figures, beside their limits."""
    rows = [
        ("function lines", house.functions, "median 8, p90 20"),
        ("file lines", house.files, "p90 200"),
        ("modules in a folder", house.folders, "max 15"),
    ]
    lines = ["| | median | p90 | max | limit |", "|---|---|---|---|---|"]
    for name, values, limit in rows:
        figures = f"{median(values):g} | {p90(values)} | {max(values)}"
        lines.append(f"| {name} | {figures} | {limit} |")
    lines.append(f"| comment lines | {house.comment_share:.1%} | | | 3 % to 5 % |")
    lines.append(
        f"\n{len(house.files)} files, {house.lines:,} lines, {len(house.functions):,} functions."
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table(measure()) + "\n")
