"""Tasks that a mock LLM solves: what an evaluation is, what it costs, and what the referee knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mocks.llm.model import MockModel
from mocks.llm.writing.luck import Luck
from mocks.service import Faults, Retry, Service
from sandbox.budget import Budget, Cost, Ledger
from sandbox.chat import ChatCall
from sandbox.dataset import prompt
from sandbox.drivers import loop, virtual
from sandbox.errors import AnswerFailed, ScenarioError
from sandbox.limits import Limits
from sandbox.protocol import Complete, Evaluate, Gather, Plan
from sandbox.scenario import Problem, Source
from sandbox.session import Session
from sandbox.spaces import Candidate, FreeText, Pool
from sandbox.tokens import count, count_messages
from sandbox.tournament import load
from sandbox.worlds.chat import Asking, ChatWorld, expected_score
from scenarios.build import tables_of_chat

FILE = """
description = "for tests"
agents = ["random"]
budget = { evaluations = 20 }

[[problem]]
kind = "chat"
tasks = TASKS
MORE
"""
RIGHT = {
    "antonyms": "Write the opposite of the given word.",
    "sum": "Add the two numbers and write the sum.",
    "sentiment": "Is the review positive or negative? Answer with one word.",
    "first_word_letter": "Write the first letter of the word.",
    "larger_animal": "Which of the two animals is bigger? Write its name.",
    "num_to_verbal": "Write the number in English words.",
    "active_to_passive": "Rewrite the sentence in the passive voice.",
    "cause_and_effect": "Which of the two sentences is the cause? Copy that sentence.",
    "taxonomy_animal": "List only the animals among the words.",
    "translation_en-de": "Translate the word into German.",
}


def scenario(folder: Path, tasks: Any, more: str = "", data: Path | None = None) -> Any:
    path = folder / "chats.toml"
    path.write_text(FILE.replace("TASKS", repr(tasks).replace("'", '"')).replace("MORE", more))
    return load(Source(str(path), None if data is None else str(data)))


def seat(problem: Problem, plan: Plan[Candidate], world: Any = None, **limits: Any) -> Session:
    budget = Budget.of(limits or {"evaluations": 100})
    session = Session("a", plan, problem.task(budget), world or problem.world(3), Ledger(budget))
    loop.play(session)
    return session


def asks(heard: list[Any], *requests: Any) -> Plan[Candidate]:
    for request in requests:
        heard.append((yield from request))
    return "Answer."


@pytest.fixture
def antonyms(tmp_path: Path) -> Problem:
    return scenario(tmp_path, ["antonyms"]).build("antonyms")


def test_an_evaluation_is_one_chat_call_a_row_scored_by_the_metric(antonyms: Problem) -> None:
    heard: list[Any] = []
    session = seat(antonyms, asks(heard, Evaluate(RIGHT["antonyms"])))
    world: Any = antonyms.world(3)
    (seen,) = heard
    scores, written = [], 0
    for row, asked in zip(seen.rows, world.dataset.dev, strict=True):
        call = ChatCall(prompt(RIGHT["antonyms"], asked.input), "mock-gpt-3.5-turbo", 1, 0.0, 1.0, 48, (), 3)
        answer = world.model.answer(call)
        scores.append(world.dataset.score(answer.choices[0].text, asked.answers))
        written += answer.completion_tokens
        assert (row.input, row.answer, row.expected) == (
            asked.input, answer.choices[0].text, asked.answers[0]
        )  # fmt: skip
        assert row.score == scores[-1]
    assert seen.score == pytest.approx(sum(scores) / len(scores))
    read = sum(count_messages(prompt(RIGHT["antonyms"], row.input)) for row in world.dataset.dev)
    spent = session.ledger.spent
    assert spent._replace(usd=0, seconds=0) == Cost(1, 20, 0, read, written)
    assert spent.usd == MockModel("mock-gpt-3.5-turbo").persona.prices.usd(read, written)
    assert spent.seconds > 0


def test_the_truth_at_temperature_zero_is_what_the_test_rows_would_be_scored(antonyms: Problem) -> None:
    """So a referee that can only ask, as one of a real endpoint, finds the same."""
    world: Any = antonyms.world(0)
    unseen = replace(world.dataset, dev=world.dataset.test)
    for text in (RIGHT["antonyms"], "Do the task.", "Give a synonym.", "", "word"):
        asked = ChatWorld(unseen, world.model, Service().open(0), Service().prices, world.asking, 0)
        heard: list[Any] = []
        problem = replace(antonyms, world=lambda seed: asked, dev_rows=len(unseen.dev))  # noqa: B023
        if text:
            seat(problem, asks(heard, Evaluate(text)), asked)
            assert heard[0].score == pytest.approx(antonyms.truth(text))


def test_the_truth_is_the_mean_of_many_samples(antonyms: Problem) -> None:
    """At temperature 1, where every answer is a draw."""
    world: Any = antonyms.world(0)
    warm = Asking(world.asking.model, 1.0, 48, cache=False)
    text = "Reverse the meaning."
    truth = expected_score(world.model.outcomes, world.dataset, warm, text)
    scores = []
    for row in world.dataset.test:
        for luck in range(40):
            call = ChatCall(prompt(text, row.input), warm.model, 1, 1.0, 1.0, 48, (), luck)
            said = world.model.answer(call).choices[0].text
            scores.append(world.dataset.score(said, row.answers))
    mean = sum(scores) / len(scores)
    assert mean == pytest.approx(truth, abs=0.03)  # 4,000 draws: five standard errors


def test_agents_see_no_test_row_and_the_description_gives_nothing_away(tmp_path: Path) -> None:
    made = scenario(tmp_path, "induction30")
    assert len(made.problems) == 30
    for name in ("antonyms", "sum", "letters_list"):
        problem = made.build(name)
        data: Any = problem.world(0).dataset  # type: ignore[attr-defined]
        task = problem.task(Budget())
        hidden = {row.input for row in data.test}
        assert not hidden & {asked for asked, _ in task.demos}
        assert not hidden & {row.input for row in data.dev}
        told = MockModel("mock-large").expected(task.description, data.test, data.score)
        assert told < 0.35, "the description works as an instruction"


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_published_files_take_the_place_of_generated_rows(
    tmp_path: Path, shared_data: Path, name: str
) -> None:
    """The mock knows their facts: a right instruction comes near the ceiling, a wrong one does not."""
    data = shared_data / "instruction-induction"
    problem = scenario(tmp_path, [name], data=data).build(name)
    wrong = RIGHT["sum" if name != "sum" else "antonyms"]
    assert problem.truth(RIGHT[name]) >= 0.6 * problem.optimum
    assert problem.truth(wrong) <= 0.5 * problem.optimum
    heard: list[Any] = []
    seat(problem, asks(heard, Evaluate(RIGHT[name])))
    assert heard[0].score > 0.4


def test_the_scenario_knows_when_the_data_changed(tmp_path: Path, shared_data: Path) -> None:
    data = shared_data / "instruction-induction"
    assert scenario(tmp_path, ["sum"]).digest != scenario(tmp_path, ["sum"], data=data).digest


def test_the_black_box_writes_for_agents_and_is_paid_by_the_token(antonyms: Problem) -> None:
    demos = "\n\n".join(f"Input: {x}\nOutput: {y}" for x, y in antonyms.demos[:5])
    request = Complete(
        f"Somebody followed an instruction:\n\n{demos}\n\nThe instruction was:", n=4, max_tokens=60
    )
    heard: list[Any] = []
    session = seat(antonyms, asks(heard, request, request))
    first, second = heard
    assert len(first.texts) == 4
    assert first != second, "the second time is other luck"
    spent = session.ledger.spent
    assert spent.completions == 8
    assert spent.rows == spent.evaluations == 0
    assert spent.completion_tokens == sum(count(text) for said in heard for text in said.texts)
    best = max(antonyms.truth(text) for text in first.texts)
    assert best > antonyms.baseline + 0.2, "none of four induced instructions is better than a blind guess"


def test_a_row_that_fails_for_good_fails_the_evaluation_and_the_others_stay_known(antonyms: Problem) -> None:
    world: Any = antonyms.world(0)
    broken = Service(faults=Faults(server_error=0.15), retry=Retry(attempts=1))
    shaky = ChatWorld(world.dataset, world.model, broken.open(1), broken.prices, world.asking, 1)
    heard: list[Any] = []
    evaluate = Evaluate(RIGHT["antonyms"])
    session = seat(antonyms, asks(heard, *[Gather((evaluate,))] * 12), shaky)
    first = heard[0][0]
    assert isinstance(first, AnswerFailed)
    assert "rows failed" in str(first)
    seen = next(one for (one,) in heard if not isinstance(one, AnswerFailed))
    assert any(row.cached for row in seen.rows)
    assert session.ledger.spent.rows == 20, "a row that was answered is paid once"
    assert seen.score == pytest.approx(sum(row.score for row in seen.rows) / 20), "a failed row is no zero"


@pytest.mark.parametrize("attempts", [1, 3])
def test_attempts_that_break_and_are_billed_stay_within_their_quote(antonyms: Problem, attempts: int) -> None:
    world: Any = antonyms.world(0)
    poor = Service(faults=Faults(malformed=0.4, dropped=0.2), retry=Retry(attempts=attempts, backoff=0.0))
    sold = ChatWorld(world.dataset, world.model, poor.open(2), poor.prices, world.asking, 2, attempts)
    heard: list[Any] = []
    session = seat(antonyms, asks(heard, Gather((Evaluate(RIGHT["antonyms"]),))), sold)
    tried = [r for r in session.trace.records if type(r.ticket.request).__name__ == "RowCall"]
    assert session.ledger.spent.prompt_tokens == sum(r.charge.prompt_tokens for r in tried)
    assert all(r.charge.prompt_tokens > 0 for r in tried), "whoever breaks on the way back bills"
    assert max(r.ticket.attempt for r in tried) == attempts - 1


def test_the_cache_keeps_the_answer_that_was_asked_for_first(antonyms: Problem) -> None:
    """Whichever of two equal evaluations of a batch is answered first."""
    world: Any = antonyms.world(0)
    warm = replace(world.asking, temperature=1.5)
    stories = []
    for backwards in (False, True):
        asked = ChatWorld(world.dataset, world.model, Service().open(4), Service().prices, warm, 4)
        evaluate = Evaluate("Reverse the meaning.")
        heard: list[Any] = []
        budget = Budget.of({"evaluations": 9})
        plan = asks(heard, Gather((evaluate, evaluate)), evaluate)
        session = Session("a", plan, antonyms.task(budget), asked, Ledger(budget))
        tickets = session.start(0)
        for ticket in tickets[::-1] if backwards else tickets:
            session.settle(ticket, asked.reply(ticket, 0), 0)
        (first, second), third = heard
        assert first != second, "two draws"
        assert [row.answer for row in third.rows] == [row.answer for row in first.rows]
        stories.append(third)
    assert stories[0] == stories[1]


def test_limits_of_the_service_hold_for_rows(tmp_path: Path) -> None:
    problem = scenario(tmp_path, ["sum"], "[problem.service.limits]\nconcurrency = 2").build("sum")
    heard: list[Any] = []
    budget = Budget.of({"evaluations": 5})
    session = Session(
        "a", asks(heard, Evaluate(RIGHT["sum"])), problem.task(budget), problem.world(0), Ledger(budget)
    )
    virtual.play([session], problem.limits)
    served = [r for r in session.trace.records if type(r.ticket.request).__name__ == "RowCall"]
    total = sum(r.answered_at - r.ticket.sent_at for r in served)
    assert problem.limits == Limits(concurrency=2)
    assert session.ended_at is not None
    assert max(r.answered_at for r in served) == session.ended_at
    assert total > session.ended_at * 2, "twenty rows at two places wait for each other"


def test_a_pool_is_distinct_mixed_and_always_the_same(tmp_path: Path) -> None:
    problem = scenario(tmp_path, ["antonyms"], 'space = "pool"\npool = 80').build("antonyms")
    assert isinstance(problem.space, Pool)
    truths = sorted(map(problem.truth, problem.space.texts))
    assert len(problem.space.texts) == 80
    assert truths[8] < 0.25 < 0.6 < truths[-8]
    assert problem.optimum == truths[-1]
    again = scenario(tmp_path, ["antonyms"], 'space = "pool"\npool = 80').build("antonyms")
    assert again.space == problem.space


def test_free_text_starts_from_instructions_that_say_nothing(antonyms: Problem) -> None:
    assert isinstance(antonyms.space, FreeText)
    assert max(map(antonyms.truth, antonyms.space.seeds)) == antonyms.baseline < 0.3
    assert antonyms.truth(RIGHT["antonyms"]) > 0.8 * antonyms.optimum


def test_generated_labelling_tasks_can_be_named(tmp_path: Path) -> None:
    made = scenario(tmp_path, ["classification-3", "classification-4"], "dev = 10\ntest = 40")
    for name in made.problems:
        problem = made.build(name)
        data: Any = problem.world(0).dataset  # type: ignore[attr-defined]
        assert data.labels
        heard: list[Any] = []
        seat(problem, asks(heard, Evaluate("Answer with one of: " + ", ".join(data.labels))))
        assert 0.0 <= heard[0].score <= 1.0
        assert len(heard[0].rows) == 10


def test_what_is_served_is_what_is_played(tmp_path: Path, shared_data: Path) -> None:
    """The endpoint's model gives the tournament's answers, with published data too."""
    from scenarios.serving import models

    data = shared_data / "instruction-induction"
    scenario(tmp_path, ["sum", "antonyms"], data=data)
    source = Source(str(tmp_path / "chats.toml"), str(data))
    served, services = models(source, tmp_path)
    problem = load(source).build("antonyms")
    world: Any = problem.world(0)
    for number, row in enumerate(world.dataset.dev):
        text = Luck("texts", number).pick(list(RIGHT.values()))
        call = ChatCall(prompt(text, row.input), "mock-gpt-3.5-turbo", 3, 1.0, 1.0, 30, (), number)
        assert served["mock-gpt-3.5-turbo"].answer(call, 2) == world.model.answer(call, 2)
    assert services["mock-large"].prices != services["mock-gpt-3.5-turbo"].prices


@pytest.mark.parametrize(
    ("tasks", "more", "sentence"),
    [
        ("induction31", "", "a list of tasks"),
        (["antonym"], "", "did you mean antonyms"),
        (["sum"], 'model = "gpt-4"', "unknown model 'gpt-4'"),
        (["sum"], "pool = 1", "greater than or equal to 2"),
        (["sum"], "temperatur = 1", "did you mean temperature"),
        (["classification-x"], "", "unknown task 'classification-x'"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path: Path, tasks: Any, more: str, sentence: str) -> None:
    with pytest.raises(ScenarioError, match=sentence):
        scenario(tmp_path, tasks, more)


def test_a_scenario_without_a_mock_cannot_be_served(tmp_path: Path) -> None:
    path = tmp_path / "pool.toml"
    path.write_text(
        'description="p"\nagents=["random"]\nbudget={evaluations=3}\n[[problem]]\noracle="nk-pool"'
    )
    with pytest.raises(ScenarioError, match="no mock LLM plays in it"):
        tables_of_chat(Source(str(path)), tmp_path)
