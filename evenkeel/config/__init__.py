"""Projects: everything that varies between models, read from ``conf/<name>.yaml``."""

from evenkeel.config.contract import Category, Column, ColumnType, Contract
from evenkeel.config.load import find_project, load_project
from evenkeel.config.project import Project

__all__ = ["Category", "Column", "ColumnType", "Contract", "Project", "find_project", "load_project"]
