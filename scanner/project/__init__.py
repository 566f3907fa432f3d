"""What is scanned: the checkout, the Django projects in it, and what each file is for."""

from scanner.project.base import Base, find_base
from scanner.project.checkout import Checkout, Unreadable, read_checkout
from scanner.project.discovery import find_projects
from scanner.project.project import Project
from scanner.project.scope import Scope

__all__ = ["Base", "Checkout", "Project", "Scope", "Unreadable", "find_base", "find_projects", "read_checkout"]
