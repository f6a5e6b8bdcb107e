"""Figures as files: a workbook to work on, a month's report to print; each noted who took it."""
