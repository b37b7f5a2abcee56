"""The board's modules put together: one file for the first page, and one for each other place.

A browser fetches six files at a time, so that fifty modules are nine answers one after the other: more than a second
on a phone, and half as many bytes of headers as of code. Here each module becomes a function that runs once, after all
that it needs, and returns its exports. That takes no tool and no syntax tree, because modules are written in the few
forms that are read here, need each other in no circle, and assign to nothing that they export. Others are refused.
"""

import re
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from posixpath import dirname, join, normpath

#: The file that the page names.
FIRST = "first"
_NEEDED = re.compile(r'^import \{ ([\w, ]+) \} from "([^"]+)";$', re.MULTILINE)
_LOADED = re.compile(r'\bimport\("([^"]+)"\)')
_EXPORTED = re.compile(r"^export ((?:async )?(?:class|function|const) (\w+))", re.MULTILINE)
#: The path of a module, of which a variable is made.
_PATH = re.compile(r"(?:\w+/)*\w+\.js", re.ASCII)
#: What a function may not contain. `import.meta` is that of the file, which lies as deep as most modules do.
_OTHER = re.compile(r"^ *(?:import\b(?!\.meta)|export\b).*|\bimport\(.*|^(?:const .* = )?await\b.*", re.MULTILINE)


def bundle(sources: Mapping[str, str], *, main: str) -> Mapping[str, str]:
    """Return the text of each place's file: `first`, and the part behind `views/` in the paths of modules loaded later.

    A module that two places need is in the first file, as is all that `main` needs.

    Raises:
        ValueError: A module is written in a form that is not read, has a name of other letters, or needs itself or one
            that is not there.
    """
    modules = {name: _Module(name, source) for name, source in sources.items()}
    needed = {name for module in modules.values() for name in [*module.needs, *module.loads]}
    if wrong := sorted(needed - modules.keys()):
        raise ValueError(f"no module has this path: {wrong[0]}")
    # A CycleError is a ValueError.
    order = TopologicalSorter({name: module.needs for name, module in modules.items()}).static_order()
    places = _places(modules, main)
    members: dict[str, list[_Module]] = {}
    for name in order:
        if name in places:
            members.setdefault(places[name], []).append(modules[name])
    return {place: _file(found) for place, found in members.items()}


class _Module:
    """A module, and its text as a function."""

    def __init__(self, name: str, source: str) -> None:
        if _PATH.fullmatch(name) is None:
            raise ValueError(f"{name} is no path of letters, digits and slashes, which a variable could be made of")
        self.variable = _variable(name)
        #: What it needs to run, and what it loads once somebody wants to see that.
        self.needs: list[str] = []
        self.loads: list[str] = []
        self._folder = dirname(name)
        exports = ", ".join(found[2] for found in _EXPORTED.finditer(source))
        if other := _OTHER.search(_LOADED.sub("", _NEEDED.sub("", _EXPORTED.sub("", source)))):
            raise ValueError(f"{name} is written in a form that is not read: {other[0].strip()}")
        body = _LOADED.sub(self._load, _NEEDED.sub(self._need, _EXPORTED.sub(r"\1", source)))
        self.text = f"const {self.variable} = (() => {{\n{body}\nreturn {{ {exports} }};\n}})();"

    def _need(self, found: re.Match[str]) -> str:
        self.needs.append(normpath(join(self._folder, found[2])))
        return f"const {{ {found[1].replace(' as ', ': ')} }} = {_variable(self.needs[-1])};"

    def _load(self, found: re.Match[str]) -> str:
        self.loads.append(normpath(join(self._folder, found[1])))
        file = f'import("./{_place_of(self.loads[-1])}.js")'
        return f"{file}.then((file) => file.{_variable(self.loads[-1])})"


def _places(modules: Mapping[str, _Module], main: str) -> Mapping[str, str]:
    """Return the place of each module that is needed anywhere."""
    found = dict.fromkeys(_all_needed(modules, main), FIRST)
    for entry in sorted({name for module in modules.values() for name in module.loads}):
        place = _place_of(entry)
        for name in _all_needed(modules, entry):
            if found.setdefault(name, place) != place:
                found[name] = FIRST
    return found


def _all_needed(modules: Mapping[str, _Module], name: str) -> set[str]:
    found, left = {name}, [name]
    while left:
        new = set(modules[left.pop()].needs) - found
        found |= new
        left += new
    return found


def _file(modules: Sequence[_Module]) -> str:
    own = [module.variable for module in modules]
    others = sorted({_variable(need) for module in modules for need in module.needs} - set(own))
    imports = [f'import {{ {", ".join(others)} }} from "./{FIRST}.js";'] if others else []
    exports = f"export {{ {', '.join(own)} }};\n"
    return "\n".join([*imports, *(module.text for module in modules), exports])


def _place_of(entry: str) -> str:
    return entry.split("/")[1].removesuffix(".js")


def _variable(name: str) -> str:
    """Return a name that no module has for anything of its own."""
    return "$" + name.removesuffix(".js").replace("/", "$")
