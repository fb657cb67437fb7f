"""Write the generated pages of docs/ from the code; `--check`: only say whether they are current."""

import importlib
import pkgutil
import sys
from pathlib import Path

import click
import pyarrow as pa

import saladkit.formats
import saladkit.sources
from saladkit.cli import main as shell

FOLDER = Path(__file__).parent


def cli_page() -> str:
    """Every command's help, as the shell prints it."""
    lines = ["# Commands", "", "Written by `make docs` from the commands' own help.", ""]
    for name in shell.list_commands(click.Context(shell)):
        command = shell.commands[name]
        context = click.Context(command, info_name=f"saladkit {name}", terminal_width=100, max_content_width=100)
        lines += [f"## {name}", "", "```", command.get_help(context), "```", ""]
    return "\n".join(lines)


def formats_page() -> str:
    """Every format module's own words, and the columns of its tables."""
    lines = [
        "# Formats",
        "",
        "Written by `make docs` from `saladkit/formats/`. "
        "Everything here can be read by pyarrow and safetensors alone.",
        "",
    ]
    for module_info in sorted(pkgutil.iter_modules(saladkit.formats.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"saladkit.formats.{module_info.name}")
        title, schema = module_info.name.replace("_", " "), getattr(module, "SCHEMA", None)
        lines += [f"## {title}", ""]
        if schema:
            lines += [f"Schema `{schema}`, version {module.VERSION}.", ""]
        lines += [module.__doc__.strip(), ""]
        tables = {name.lower(): value for name, value in vars(module).items() if isinstance(value, pa.Schema)}
        if isinstance(getattr(module, "COLUMNS", None), dict):
            tables["rows"] = pa.schema(list(module.COLUMNS.items()))
        for table, columns in tables.items():
            lines += [f"| {table}: column | type |", "|---|---|"]
            lines += [f"| `{field.name}` | {str(field.type).replace('|', ' ')} |" for field in columns]
            lines.append("")
    return "\n".join(lines)


def sources_page() -> str:
    """What can be read beside our own formats: the words of the packages that read it."""
    lines = ["# Sources", "", "Written by `make docs` from `saladkit/sources/`.", ""]
    for module_info in sorted(pkgutil.iter_modules(saladkit.sources.__path__), key=lambda info: info.name):
        if module_info.ispkg:
            module = importlib.import_module(f"saladkit.sources.{module_info.name}")
            lines += [f"## {module_info.name.replace('_', ' ')}", "", module.__doc__.strip(), ""]
    return "\n".join(lines)


def main() -> int:
    """Write or check the pages; 1 if a page is not current."""
    stale = 0
    pages = {"cli.md": cli_page(), "formats.md": formats_page(), "sources.md": sources_page()}
    for name, content in pages.items():
        page = FOLDER / name
        if "--check" in sys.argv:
            stale += not page.is_file() or page.read_text() != content
        else:
            page.write_text(content)
    return int(stale > 0)


if __name__ == "__main__":
    sys.exit(main())
