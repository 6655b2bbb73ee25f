"""The probe set on which an exported int8 model is compared with fp32: dev prompts of all tasks."""

from __future__ import annotations

from instructuie.data.instance import plain_instance
from instructuie.data.prepared import Prepared
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import find_task

MAX_LABELS = 16


def probe_prompts(prepared: Prepared, *, per_set: int) -> list[Prompt]:
    """Up to `per_set` dev texts of each data set, asked for each main task that it has gold for.

    Long label lists are cut to their first `MAX_LABELS`, so that every prompt fits.
    """
    prompts: list[Prompt] = []
    for name, inventory in prepared.inventories.items():
        if prepared.header["datasets"][name]["use"] != "train":
            continue
        records = [r for r in prepared.records.get(name, {}).get("dev", ()) if len(r.text) < 400]
        for task_name in inventory.tasks:
            task = find_task(task_name)
            for record in records[:per_set]:
                prompt = plain_instance(record, task, inventory).prompt
                schema = Schema(
                    prompt.schema.entities[:MAX_LABELS],
                    prompt.schema.relations[:MAX_LABELS],
                    prompt.schema.events[: MAX_LABELS // 4],
                )
                prompts.append(Prompt(task, record.text, schema))
    return prompts
