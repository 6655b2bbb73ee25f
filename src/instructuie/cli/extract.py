"""`instructuie extract`: read texts, extract, write results as they come."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from instructuie.cli import console
from instructuie.cli.formats import OutputFormat, Writer, choose_format, make_writer
from instructuie.cli.inputs import Document, InputFormat, Inputs, open_inputs
from instructuie.cli.labels import (
    EntitiesOption,
    EventsOption,
    RelationsOption,
    SchemaOption,
    build_schema,
)
from instructuie.cli.model import (
    AnyModelOption,
    ApiOption,
    ApiSettingsOption,
    ConstrainOption,
    DataSetNameOption,
    DemonstrationsOption,
    InstructionFileOption,
    PromptFormatOption,
    QuantizeOption,
    TaskNameOption,
    ThreadsOption,
    load_extractor,
)
from instructuie.errors import DataError, TextError
from instructuie.schema import Schema

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Overlap(StrEnum):
    flat = "flat"
    nested = "nested"
    all = "all"


class OnOverflow(StrEnum):
    chunk = "chunk"
    error = "error"
    truncate = "truncate"


class OnError(StrEnum):
    stop = "stop"
    skip = "skip"


@app.command()
def extract(
    text: Annotated[
        str | None, typer.Argument(help="The text itself; without it, --file or standard input.")
    ] = None,
    *,
    entities: EntitiesOption = None,
    relations: RelationsOption = None,
    events: EventsOption = None,
    schema_file: SchemaOption = None,
    files: Annotated[
        list[str] | None,
        typer.Option("--file", "-f", metavar="FILE", help="A file or a pattern; may be repeated."),
    ] = None,
    input_format: Annotated[
        InputFormat,
        typer.Option(
            help="What the input holds: one text, a text on each line, or JSON Lines. auto: JSON "
            "Lines for .jsonl and .json files and for input that begins with a JSON object, else "
            "one text."
        ),
    ] = InputFormat.auto,
    text_key: Annotated[str, typer.Option(help="The key of the text in JSON rows.")] = "text",
    model: AnyModelOption = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Leave out items that score lower; 0 keeps all.",
            show_default="one for each kind of item",
        ),
    ] = None,
    overlap: Annotated[
        Overlap, typer.Option(help="Which overlapping entities to keep.")
    ] = Overlap.flat,
    on_overflow: Annotated[
        OnOverflow, typer.Option(help="What to do with a text longer than the model's window.")
    ] = OnOverflow.chunk,
    format: Annotated[
        OutputFormat | None,
        typer.Option(
            help="Default: by the name of the output file; pretty on a terminal; else json for "
            "one text and jsonl for several.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file.")
    ] = None,
    on_error: Annotated[
        OnError, typer.Option(help="At a bad row: stop, or report it, skip it and go on.")
    ] = OnError.stop,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Texts per batch; 1 answers every row at once.")
    ] = 16,
    threads: ThreadsOption = None,
    api: ApiOption = None,
    api_settings: ApiSettingsOption = None,
    demonstrations: DemonstrationsOption = None,
    prompt_format: PromptFormatOption = None,
    instruction_file: InstructionFileOption = None,
    task_name: TaskNameOption = False,
    data_set_name: DataSetNameOption = "",
    constrain: ConstrainOption = True,
    quantize: QuantizeOption = None,
) -> None:
    """Extract entities, relations and events from text, by labels that you choose.

    instructuie extract "Steve Jobs founded Apple." --entities person,organization
    """
    schema = build_schema(entities, relations, events, schema_file)
    inputs = open_inputs(text, files or [], input_format, text_key)
    _refuse_own_input(output, inputs)
    extractor = load_extractor(
        model,
        threads=threads,
        batch_size=batch_size,
        api=api,
        api_settings=api_settings,
        demonstrations=demonstrations,
        prompt_format=prompt_format,
        instruction_file=instruction_file,
        task_name=task_name,
        data_set_name=data_set_name,
        constrain=constrain,
        quantize=quantize,
    )
    keywords = {
        "threshold": threshold,
        "overlap": overlap.value,
        "on_overflow": on_overflow.value,
    }
    terminal = output is None and console.is_terminal(sys.stdout)
    chosen = choose_format(format, output, single=inputs.single, terminal=terminal)
    colour = output is None and console.coloured(sys.stdout)
    with (
        _spending_told(extractor),
        console.open_output(output) as out,
        console.Bar(inputs.total, hidden=terminal) as bar,
    ):
        writer = make_writer(chosen, out, schema, single=inputs.single, colour=colour)
        run = Run(extractor, schema, keywords, writer, bar, skip=on_error is OnError.skip)
        with _written(writer):
            run.read(inputs.documents, rows=16 * batch_size if batch_size > 1 else 1)
    if run.skipped:
        console.note(f"texts done: {run.done:,}; bad ones skipped: {run.skipped:,}")


@contextmanager
def _written(writer: Writer) -> Iterator[None]:
    """Begins what is written and ends it, whatever happens, so that the rows done can be read."""
    writer.begin()
    try:
        yield
    except BrokenPipeError:
        raise
    except BaseException:
        with suppress(OSError):
            writer.end()
        raise
    writer.end()


@contextmanager
def _spending_told(extractor: Any) -> Iterator[None]:
    """Says at the end, also where it is an error, what an endpoint was paid for."""
    try:
        yield
    finally:
        if (spent := extractor.spent) is not None and spent.answers:
            cost = f", cost {spent.cost:.4g}" if spent.cost else ""
            unclear = f" and at most {spent.unclear:.4g} more" if spent.unclear else ""
            console.note(
                f"answers paid for: {spent.answers:,}; tokens read: {spent.input_tokens:,}, "
                f"written: {spent.output_tokens:,}{cost}{unclear}"
            )


def _refuse_own_input(output: Path | None, inputs: Inputs) -> None:
    if output is not None and any(_same_file(output, path) for path in inputs.paths):
        raise DataError("is read and written at once; choose another --output", path=output)


def _same_file(one: Path, other: Path) -> bool:
    return one.exists() and one.samefile(other)


@dataclass(slots=True)
class Run:
    """One pass over the input: texts are collected, extracted together, and written in order."""

    extractor: Any
    schema: Schema
    keywords: dict[str, Any]
    writer: Writer
    bar: console.Bar
    skip: bool
    done: int = 0
    skipped: int = 0

    def read(
        self, documents: Iterator[Document | DataError], *, rows: int, characters: int = 400_000
    ) -> None:
        """Goes through all documents, up to so many rows or characters at a time.

        Raises the error of the first bad one unless `skip`; what came before it is written.
        """
        waiting: list[Document] = []
        length = 0
        for document in documents:
            bad = isinstance(document, DataError)
            if isinstance(document, Document):
                waiting.append(document)
                length += len(document.text)
            if bad or len(waiting) >= rows or length >= characters:
                self._write(waiting)
                waiting, length = [], 0
            if isinstance(document, DataError):
                self._reject(document)
        self._write(waiting)

    def _write(self, documents: Sequence[Document]) -> None:
        """Extracts and writes; where one text spoils a batch, goes through it one by one."""
        if not documents:
            return
        texts = [document.text for document in documents]
        try:
            results = self.extractor.extract_batch(texts, self.schema, **self.keywords)
        except TextError as error:
            if len(documents) == 1:
                self._reject(_placed(error, documents[0]))
                return
            for document in documents:
                self._write([document])
            return
        for document, result in zip(documents, results, strict=True):
            self.writer.write(document, result)
            self.done += 1
            self.bar.advance(document.size)

    def _reject(self, error: DataError | TextError) -> None:
        if not self.skip:
            if self.done:
                console.note(
                    f"stopped; texts done and written: {self.done:,}; "
                    "--on-error skip goes past bad ones"
                )
            raise error
        self.skipped += 1
        console.error(str(error))


def _placed(error: TextError, document: Document) -> TextError:
    return TextError(f"{document.place}: {error}") if document.place else error
