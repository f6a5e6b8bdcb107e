"""The paper book: reading an operator's own list of subscribers into typed rows, without a database.

`reader.read_book` opens an XLSX or CSV file and finds its header, `parse.parse_book` turns its
lines into `rows.BookRow` values or named errors, `report.ErrorFile` writes what has to be mended.
Owns spellings, layout and the checks a book can answer by itself. Matching against the catalogue,
stations and coverage, and every write, belong to the loader that calls it.
"""
