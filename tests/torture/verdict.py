# SPDX-License-Identifier: Apache-2.0
"""Reads from the sandbox's records what was delivered: one picture or one apology for each job."""
import collections
import re

PICTURE = re.compile(r"^fullet-(\d+)(?:-\d+)?\.\w+$")
AGAIN = re.compile(r"^v1:again:(\d+)$")
APOLOGY = ("Sorry", "Lo siento")
APOLOGISED, UNDELIVERABLE = 101, 102

# Why there was an apology (enum sorry in core/job.h) though all went as it should: the run failed (the
# members' prompts do at times), the member cancelled, the database was away for too long.
REASONS = {2: "not written down", 4: "failed", 13: "cancelled"}

Verdict = collections.namedtuple("Verdict", "jobs pictures apologies undeliverable faults")


def delivered(records):
    """How many messages with pictures, and how many apologies, each job has got in a channel."""
    pictures, apologies = collections.Counter(), collections.Counter()
    for message in records["messages"]:
        # The pictures of one job come in one message.
        for job in {found[1] for name in message["files"] if (found := PICTURE.match(name))}:
            pictures[int(job)] += 1
        for job in {found[1] for name in message["custom_ids"] if (found := AGAIN.match(name))}:
            apologies[int(job)] += 1
    return pictures, apologies


def reasons(rows):
    """Of the apologies, in brackets."""
    counted = collections.Counter(row["sorry"] for row in rows if row["step"] == APOLOGISED)
    return f" ({', '.join(f'{n} {REASONS.get(sorry, sorry)}' for sorry, n in sorted(counted.items()))})" if counted else ""


def judge(records, rows):
    """rows: the jobs of the database when all has come to rest."""
    faults = []
    pictures, apologies = delivered(records)
    asked = {int(i["id"]): i for i in records["interactions"]}
    rows_of = collections.Counter(int(row["interaction_id"]) for row in rows)
    undeliverable = whispered = 0
    if records["full"]:
        faults.append("the sandbox's records are full: nothing can be said")
    for row in rows:
        job, interaction = int(row["id"]), asked.get(int(row["interaction_id"]))
        said = [one["text"] for one in interaction["said"]] if interaction else []
        # It is one message, which is edited: what it says in the end counts. A request that was refused
        # because nothing could be written may come a second time after a crash, and be taken then.
        whisper = bool(said) and said[-1].startswith(APOLOGY)
        count = pictures[job] + apologies[job] + whisper
        whispered += whisper
        if row["step"] < 100:
            faults.append(f"job {job} is still in step {row['step']}")
        elif row["step"] == UNDELIVERABLE and row["detail"] and not count:
            undeliverable += 1
        elif count != 1:
            faults.append(
                f"job {job} (step {row['step']}) has {pictures[job]} pictures, {apologies[job]} apologies "
                f"in its channel and {int(whisper)} by the interaction, which said {said}"
            )
    for interaction, n in rows_of.items():
        if n > 1:
            faults.append(f"the interaction {interaction} was taken {n} times")
    for number, interaction in asked.items():
        if any(text["text"].startswith("Queued") for text in interaction["said"]) and number not in rows_of:
            faults.append(f"the interaction {number} was told that it is queued, and there is no row of it")
    known = {int(row["id"]) for row in rows}
    for job in (set(pictures) | set(apologies)) - known:
        faults.append(f"something was posted for job {job}, of which there is no row")
    return Verdict(len(rows), sum(pictures.values()), sum(apologies.values()) + whispered, undeliverable, faults)
