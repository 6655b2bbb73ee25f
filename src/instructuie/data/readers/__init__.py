"""Readers, one per file format. A reader takes one native file and yields records with native labels.

    reader(path: Path, **options) -> Iterator[Record]

`path` may be gzip-compressed (`open_text` sees to that). A line that breaks the format raises
DataError with the file, the line, its content and the rule.
"""
