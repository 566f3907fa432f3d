"""What is scanned: the checkout, the Django projects in it, and what each file is for."""

from scanner.project.base import Base, find_base
from scanner.project.base_fetch import Remote, fetch_commit, missing_parent
from scanner.project.base_tree import BaseTree, base_tree
from scanner.project.checkout import Checkout, Unreadable, read_checkout
from scanner.project.discovery import find_projects
from scanner.project.git import GitFailed
from scanner.project.project import Project
from scanner.project.scope import Scope

__all__ = [
    "Base",
    "BaseTree",
    "Checkout",
    "GitFailed",
    "Project",
    "Remote",
    "Scope",
    "Unreadable",
    "base_tree",
    "fetch_commit",
    "find_base",
    "find_projects",
    "missing_parent",
    "read_checkout",
]
