"""The requests and answers that partners' documentation shows: played, written into the pages, held against them.

`story` says what is asked, in order; each exchange has the name that a page shows it by. `layout` writes an exchange
as text, with the documents' names in place of those of the playing. `pages` fills the marked places of the pages, and
compares.
"""
