"""`instructuie render`: the exact input that the model reads."""

from __future__ import annotations

from typing import Annotated

import typer

from instructuie.cli import console
from instructuie.cli.labels import (
    EntitiesOption,
    EventsOption,
    RelationsOption,
    SchemaOption,
    build_schema,
)
from instructuie.cli.model import (
    AnyModelOption,
    DataSetNameOption,
    DemonstrationsOption,
    InstructionFileOption,
    PromptFormatOption,
    TaskNameOption,
    load_extractor,
)
from instructuie.schema import Schema
from instructuie.tasks import find_task

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def render(
    text: Annotated[str, typer.Argument(help="The text.")],
    *,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            "-t",
            help="NER, ES, ET, RE, EP, EPR, EE, EET or EEA.",
            show_default="NER, RE or EE, by the labels",
        ),
    ] = None,
    entities: EntitiesOption = None,
    relations: RelationsOption = None,
    events: EventsOption = None,
    schema_file: SchemaOption = None,
    model: AnyModelOption = None,
    demonstrations: DemonstrationsOption = None,
    prompt_format: PromptFormatOption = None,
    instruction_file: InstructionFileOption = None,
    task_name: TaskNameOption = False,
    data_set_name: DataSetNameOption = "",
) -> None:
    """Print the exact input that the model reads for one text and one task."""
    name = None if task is None else find_task(task.strip()).name
    schema = build_schema(entities, relations, events, schema_file)
    extractor = load_extractor(
        model,
        demonstrations=demonstrations,
        prompt_format=prompt_format,
        instruction_file=instruction_file,
        task_name=task_name,
        data_set_name=data_set_name,
    )
    console.say(extractor.render(text, schema, task=name or _main_task(schema)))


def _main_task(schema: Schema) -> str:
    return "NER" if schema.entities else "RE" if schema.relations else "EE"
