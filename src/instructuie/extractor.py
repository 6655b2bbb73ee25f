"""The whole inference flow: text -> windows and label groups -> prompts -> model -> merged result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from instructuie.asking import Asking, Decoder, Job, OnOverflow, Question, Settings
from instructuie.codec.formats import PromptFormat, find_format
from instructuie.engines import Quantize, is_text_model, open_engine
from instructuie.engines.base import Engine
from instructuie.errors import ModelError, SchemaError, TaskError
from instructuie.merging import Overlap, merge, place
from instructuie.progress import Progress, Silent
from instructuie.prompt import Prompt
from instructuie.schema import EventLabel, EventsLike, LabelsLike, Schema
from instructuie.tasks import find_task
from instructuie.types import Entity, Event, Extraction, Issue, Mention, Relation, Result, Span

if TYPE_CHECKING:
    from instructuie.data.record import Record
    from instructuie.engines.api_cost import Spending
    from instructuie.engines.api_settings import ApiSettings

Place = tuple[int, int]
"""(start, end) characters of a given mention."""


class Extractor:
    """Extracts entities, relations and events from text, by labels that are chosen in each call.

    `Extractor()` loads the model that comes with the package; `Extractor(folder)` any exported
    pointer model, or a language model that writes its answers: a folder in the form of transformers
    or CTranslate2, or the name of one on the Hugging Face hub (`google/flan-t5-large`).
    `Extractor(api=address, model=name)` asks an OpenAI-compatible endpoint, `Extractor(engine=...)`
    an engine of yours.

    `threads` is the number of processor threads (default: all cores), `batch_size` how many prompts
    are read side by side. One extractor may be used by several threads. For language models only:

    - `prompt_format`: `plain` (ours), `released` (that of the InstructUIE release, with its
      `instruction_file`), `sel` (UIE's), `json` (the default with `api`), or an object of yours
    - `constrain`: whether a model that runs here may write only what the prompt and its text allow
    - `quantize`: `int8` or `int4` weights
    - `demonstrations`: annotated texts (a file in any format that `instructuie data convert` reads, or
      records), shown solved before each prompt as far as there is room
    - `api_settings`: how an endpoint is called, such as its prices and a budget (an `ApiSettings`, or
      a TOML file of its fields)

    Raises ModelError when the model cannot be loaded, MissingExtraError when it needs more packages.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        engine: Engine | None = None,
        api: str | None = None,
        prompt_format: str | PromptFormat | None = None,
        instruction_file: str | Path | None = None,
        constrain: bool = True,
        quantize: Quantize | None = None,
        demonstrations: str | Path | Sequence[Record] | None = None,
        api_settings: str | Path | ApiSettings | None = None,
        threads: int | None = None,
        batch_size: int = 32,
    ) -> None:
        if batch_size < 1:
            raise ModelError(f"batch_size is {batch_size}, expected at least 1")
        self.folder = _model_folder(model)
        self._batch_size = batch_size
        if api_settings is not None and api is None:
            raise ModelError("api_settings are for an endpoint; give its address as api")
        if engine is None and (api is not None or is_text_model(model)):
            engine = open_engine(
                model,
                api=api,
                api_settings=api_settings,
                constrain=constrain,
                quantize=quantize,
                threads=threads,
                batch_size=batch_size,
            )
        if engine is None:
            if any(given is not None for given in (prompt_format, quantize, demonstrations)):
                raise ModelError(
                    f"{self.folder} is no language model; prompt_format, quantize and "
                    "demonstrations are for those"
                )
            self._decoder: Decoder = _pointer_decoder(self.folder, threads)
        else:
            usual = "plain" if api is None else "json"
            self._decoder = _text_decoder(
                engine, prompt_format or usual, instruction_file, demonstrations
            )
        self._engine = engine

    @property
    def card(self) -> str:
        """The model card (Markdown): data, licences, training command and results."""
        return self._decoder.card

    @property
    def spent(self) -> Spending | None:
        """What an endpoint's answers have cost so far; None for models that run here."""
        return getattr(self._engine, "spent", None)

    @property
    def settings(self) -> Mapping[str, Any]:
        """What a language model's answers depend on besides its weights, as JSON values."""
        return self._decoder.settings()

    def extract(
        self,
        text: str,
        schema: Schema | None = None,
        *,
        entities: LabelsLike | None = None,
        relations: LabelsLike | None = None,
        events: EventsLike | None = None,
        threshold: float | None = None,
        overlap: Overlap = "flat",
        on_overflow: OnOverflow = "chunk",
        beam_size: int = 1,
    ) -> Result:
        """Everything that the schema asks for, in one text.

        `threshold` leaves out items that score lower; without one, each kind of item has its own (see
        `merging.CONFIDENT`), and 0 keeps all. `overlap` says which overlapping entities may
        stay: `flat` none, `nested` one inside another, `all` any. A text that is too long for the
        model is read in windows (`chunk`), refused (`error`), or cut (`truncate`), which the result
        then says.

        Raises SchemaError, TextError.
        """
        return self.extract_batch(
            [text],
            schema,
            entities=entities,
            relations=relations,
            events=events,
            threshold=threshold,
            overlap=overlap,
            on_overflow=on_overflow,
            beam_size=beam_size,
        )[0]

    def extract_batch(
        self,
        texts: Sequence[str],
        schema: Schema | None = None,
        *,
        entities: LabelsLike | None = None,
        relations: LabelsLike | None = None,
        events: EventsLike | None = None,
        threshold: float | None = None,
        overlap: Overlap = "flat",
        on_overflow: OnOverflow = "chunk",
        beam_size: int = 1,
        progress: Progress | None = None,
    ) -> list[Result]:
        """`extract` for many texts at once: the same results, much faster. `progress` counts texts."""
        schema = _schema(schema, entities, relations, events)
        settings = Settings(threshold, overlap, on_overflow, beam_size)
        questions = [
            Question(find_task(name), schema, Extraction())
            for name, labels in (
                ("NER", schema.entities),
                ("RE", schema.relations),
                ("EE", schema.events),
            )
            if labels
        ]
        progress = progress or Silent()
        progress.start(len(texts), "texts")
        results: list[Result] = []
        step = 8 * self._batch_size
        for start in range(0, len(texts), step):
            part = texts[start : start + step]
            results += self._run([(text, questions) for text in part], settings)
            progress.advance(len(part))
        progress.finish()
        return results

    def stream(
        self,
        texts: Iterable[str],
        schema: Schema | None = None,
        *,
        entities: LabelsLike | None = None,
        relations: LabelsLike | None = None,
        events: EventsLike | None = None,
        threshold: float | None = None,
        overlap: Overlap = "flat",
        on_overflow: OnOverflow = "chunk",
        beam_size: int = 1,
    ) -> Iterator[Result]:
        """`extract` for a stream of texts that need not fit in memory; results in order."""
        schema = _schema(schema, entities, relations, events)
        remaining = iter(texts)
        while part := list(islice(remaining, 8 * self._batch_size)):
            yield from self.extract_batch(
                part,
                schema,
                threshold=threshold,
                overlap=overlap,
                on_overflow=on_overflow,
                beam_size=beam_size,
            )

    def answer(
        self,
        prompts: Sequence[Prompt],
        *,
        threshold: float | None = None,
        overlap: Overlap = "flat",
        on_overflow: OnOverflow = "chunk",
        beam_size: int = 1,
    ) -> list[Result]:
        """One result for each prompt, read side by side.

        Each prompt brings its own task, labels, given items and instruction, so that this is the call
        for many questions that differ; `extract_batch` asks one question of many texts.
        """
        settings = Settings(threshold, overlap, on_overflow, beam_size)
        asked = [(p.text, [Question(p.task, p.schema, p.given, p.instruction)]) for p in prompts]
        step = 8 * self._batch_size
        return [
            result
            for start in range(0, len(asked), step)
            for result in self._run(asked[start : start + step], settings)
        ]

    def spans(self, text: str, entities: LabelsLike, *, threshold: float | None = None) -> Result:
        """ES: where entities of any of these labels are, without saying which label."""
        return self._ask("ES", text, Schema.of(entities=entities), threshold=threshold)

    def classify(
        self,
        text: str,
        spans: Sequence[Place],
        entities: LabelsLike,
        *,
        threshold: float | None = None,
    ) -> Result:
        """ET: a label for each given span; spans that none of the labels fits are left out."""
        given = Extraction(tuple(Entity("", mention) for mention in _mentions(text, spans)))
        return self._ask("ET", text, Schema.of(entities=entities), given, threshold=threshold)

    def pairs(self, text: str, relations: LabelsLike, *, threshold: float | None = None) -> Result:
        """EP: pairs that stand in any of these relations, without saying in which."""
        return self._ask("EP", text, Schema.of(relations=relations), threshold=threshold)

    def classify_pairs(
        self,
        text: str,
        pairs: Sequence[tuple[Place, Place]],
        relations: LabelsLike,
        *,
        threshold: float | None = None,
    ) -> Result:
        """EPR: the relation of each given (head, tail); unrelated pairs are left out."""
        heads = _mentions(text, [head for head, _ in pairs])
        tails = _mentions(text, [tail for _, tail in pairs])
        given = Extraction(
            relations=tuple(Relation("", h, t) for h, t in zip(heads, tails, strict=True))
        )
        return self._ask("EPR", text, Schema.of(relations=relations), given, threshold=threshold)

    def triggers(self, text: str, events: EventsLike, *, threshold: float | None = None) -> Result:
        """EET: event triggers and their labels, without arguments."""
        return self._ask("EET", text, Schema.of(events=events), threshold=threshold)

    def arguments(
        self,
        text: str,
        event: str,
        trigger: Place,
        roles: LabelsLike,
        *,
        threshold: float | None = None,
    ) -> Result:
        """EEA: what fills the roles of one given event."""
        mention = _mentions(text, [trigger])[0]
        given = Extraction(events=(Event(event, mention),))
        label = EventLabel(event, Schema.of(entities=roles).entities)
        return self._ask("EEA", text, Schema(events=(label,)), given, threshold=threshold)

    def render(
        self,
        text: str,
        schema: Schema | None = None,
        *,
        entities: LabelsLike | None = None,
        relations: LabelsLike | None = None,
        events: EventsLike | None = None,
        task: str = "NER",
    ) -> str:
        """The exact input that the model reads: of the pointer model the tokens, one line for each
        prompt; of a language model the prompts themselves, with an empty line between two.

        Raises TaskError for a task that needs given items.
        """
        question = Question(
            find_task(task), _schema(schema, entities, relations, events), Extraction()
        )
        if question.task.given:
            raise TaskError(
                f"{task} is asked about given items, and the pointer model reads the same tokens as "
                f"for {question.task.main}: render that"
            )
        jobs, _ = Asking(self._decoder).jobs(0, text, [question], "chunk")
        rendered = [self._decoder.render(job.prompt) for job in jobs]
        return ("\n\n" if any("\n" in prompt for prompt in rendered) else "\n").join(rendered)

    def _ask(
        self,
        task: str,
        text: str,
        schema: Schema,
        given: Extraction | None = None,
        *,
        threshold: float | None,
    ) -> Result:
        question = Question(find_task(task), schema, given or Extraction())
        return self._run([(text, [question])], Settings(threshold, "all", "chunk", 1))[0]

    def _run(
        self, asked: Sequence[tuple[str, Sequence[Question]]], settings: Settings
    ) -> list[Result]:
        jobs: list[Job] = []
        issues: list[tuple[Issue, ...]] = []
        asking = Asking(self._decoder)
        for row, (text, questions) in enumerate(asked):
            mine, found = asking.jobs(row, text, questions, settings.on_overflow)
            jobs += mine
            issues.append(found)
        answers = self._decoder.answer(
            [job.prompt for job in jobs],
            beam_size=settings.beam_size,
            batch_size=self._batch_size,
        )
        parts: list[list[Result]] = [[] for _ in asked]
        read: list[set[Span]] = [set() for _ in asked]
        for job, result in zip(jobs, answers, strict=True):
            kept = self._decoder.confident(result) if settings.threshold is None else result
            parts[job.row].append(place(kept, job.window))
            read[job.row].add(job.window.span)
        return [
            merge(
                text,
                parts[row],
                windows=len(read[row]),
                threshold=settings.threshold or 0.0,
                overlap=settings.overlap,
                one_label=any(question.task.given for question in questions),
                issues=issues[row],
            )
            for row, (text, questions) in enumerate(asked)
        ]


def _model_folder(model: str | Path | None) -> Path:
    if model is not None:
        return Path(model)
    folder = resources.files("instructuie") / "assets" / "models" / "builtin"
    return Path(str(folder))


def _pointer_decoder(folder: Path, threads: int | None) -> Decoder:
    from instructuie.pointer.decoder import PointerDecoder
    from instructuie.pointer.runtime import PointerRuntime

    return PointerDecoder(PointerRuntime.load(folder, threads=threads))


def _text_decoder(
    engine: Engine,
    form: str | PromptFormat,
    instruction_file: str | Path | None,
    demonstrations: str | Path | Sequence[Record] | None,
) -> Decoder:
    from instructuie.text_decoder import TextDecoder

    instructions = None
    if instruction_file is not None:
        from instructuie.data.released_config import first_instructions

        instructions = first_instructions(Path(instruction_file))
    solver = None
    if demonstrations is not None:
        from instructuie.data.demonstrations import Demonstrations

        solver = (
            Demonstrations.load(Path(demonstrations))
            if isinstance(demonstrations, str | Path)
            else Demonstrations(demonstrations)
        )
    return TextDecoder(engine, find_format(form, instructions), solver=solver)


def _schema(
    schema: Schema | None,
    entities: LabelsLike | None,
    relations: LabelsLike | None,
    events: EventsLike | None,
) -> Schema:
    labels = (entities, relations, events)
    if schema is None:
        return Schema.of(entities=entities, relations=relations, events=events)
    if any(label is not None for label in labels):
        raise SchemaError(
            "a schema and labels were both given: put all labels into the schema, or give none"
        )
    return schema


def _mentions(text: str, places: Sequence[Place]) -> list[Mention]:
    for start, end in places:
        if not 0 <= start < end <= len(text):
            raise TaskError(
                f"the given span ({start}, {end}) does not lie within the text of {len(text)} "
                "characters; expected 0 <= start < end"
            )
    return [Mention.of(text, start, end) for start, end in places]
