"""The plan while it is still being worked out: frozen, each repair gives the next one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from scanner.facts.boot_plan import BootPlan, MadeFile, Override, Variable


@dataclass(frozen=True)
class Draft:
    """What the next attempt will boot with."""

    plan: BootPlan
    writable: bool = False
    """The checkout's copy may be written to."""
    marks: Mapping[str, str] = field(default_factory=dict)
    """Made-up values in made files: what they are called, and how they are recognised."""
    requirements: tuple[str, ...] = ()
    """Lines to install beside the project's own."""
    system_packages: tuple[str, ...] = ()
    hints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Variable -> kinds of values that were refused already."""
    tried: frozenset[str] = frozenset()
    """Repairs that must not be tried twice."""

    def variable(self, one: Variable) -> "Draft":
        """With that variable."""
        others = tuple(known for known in self.plan.variables if known.name != one.name)
        return replace(self, plan=replace(self.plan, variables=(*others, one)))

    def file(self, one: MadeFile, name: str = "", mark: str = "") -> "Draft":
        """With that file, and the made-up value that it holds."""
        others = tuple(known for known in self.plan.files if known.target != one.target)
        marks = {**self.marks, name: mark} if mark else self.marks
        return replace(self, plan=replace(self.plan, files=(*others, one)), marks=marks)

    def directory(self, path: str) -> "Draft":
        """With that writable directory."""
        return replace(self, plan=replace(self.plan, directories=tuple(dict.fromkeys([*self.plan.directories, path]))))

    def override(self, one: Override) -> "Draft":
        """With that setting replaced."""
        others = tuple(known for known in self.plan.overrides if known.setting != one.setting)
        return replace(self, plan=replace(self.plan, overrides=(*others, one)))

    def path(self, directory: str) -> "Draft":
        """With that directory on the import path."""
        return replace(
            self, plan=replace(self.plan, python_path=tuple(dict.fromkeys([*self.plan.python_path, directory])))
        )

    def note(self, text: str) -> "Draft":
        """With that line for the report."""
        return replace(self, plan=replace(self.plan, notes=tuple(dict.fromkeys([*self.plan.notes, text]))))

    def once(self, key: str) -> "Draft | None":
        """The same, with that repair marked as tried; None where it was tried already."""
        return None if key in self.tried else replace(self, tried=self.tried | {key})
