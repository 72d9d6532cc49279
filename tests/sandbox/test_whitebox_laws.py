"""What a white box promises, on two architectures: batches change nothing, adapters leave no trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from whitebox_kit import LAYERS, POSITIONS, WIDTH, white_box  # noqa: E402

from sandbox.errors import UsageError  # noqa: E402
from sandbox.whitebox.lent import WhiteBox  # noqa: E402

CONTEXT = "Input: hot\nOutput: cold\n\nThe instruction was to"
TEXTS = ["add the two numbers", "write", "translate the word into French, then name its first letter.", "it"]


@pytest.fixture(params=["llama", "gpt2"])
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(f"{request.param}_dir")
    return found


@pytest.fixture
def box(folder: Path) -> WhiteBox:
    return white_box(folder)


@pytest.fixture
def model(box: WhiteBox, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The model that `box` and all other white boxes of its folder share; its settings are put back."""
    found = box._model
    for setting in ("most_rows", "most_positions", "_warned"):
        monkeypatch.setattr(found, setting, getattr(found, setting))
    return found


def soft(many: int, tokens: int = 3, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(many, tokens, WIDTH)).astype(np.float32)


def test_small_facts(box: WhiteBox, folder: Path) -> None:
    assert (box.width, box.hidden_width, box.layers, box.positions) == (WIDTH, WIDTH, LAYERS, POSITIONS)
    assert box.name == folder.name
    assert box.vocabulary == 300
    table = box._model.model.get_input_embeddings().weight.detach().numpy()
    assert box.embeddings_rms() == pytest.approx(np.sqrt((table**2).mean()), rel=1e-5)


def test_greedy_decoding_is_that_of_transformers(box: WhiteBox, model: Any) -> None:
    prompts = soft(4)
    ids = model.tokenizer(CONTEXT, return_tensors="pt")["input_ids"]
    table = model.model.get_input_embeddings()
    for place in range(4):
        embeddings = torch.cat([torch.from_numpy(prompts[place : place + 1]), table(ids)], dim=1)
        tokens = model.model.generate(
            inputs_embeds=embeddings, attention_mask=torch.ones(embeddings.shape[:2], dtype=torch.long),
            max_new_tokens=30, do_sample=False, pad_token_id=0,
        )  # fmt: skip
        expected = model.tokenizer.decode(tokens[0], skip_special_tokens=True)
        assert box.decode(prompts, CONTEXT, max_tokens=30)[place] == expected


@pytest.mark.parametrize("temperature", [0.0, 0.7])
@pytest.mark.parametrize("most", [1, 2, 5])
def test_the_size_of_a_batch_changes_no_text(
    box: WhiteBox, model: Any, temperature: float, most: int
) -> None:
    contexts = [CONTEXT, "The", CONTEXT + " name", "The instruction was to", "Sort", CONTEXT]
    style: dict[str, Any] = {"max_tokens": 24, "temperature": temperature, "seed": 5}
    whole = box.decode(soft(6), contexts, **style)
    model.most_rows = most
    assert box.decode(soft(6), contexts, **style) == whole
    assert len(set(whole)) == 6


@pytest.mark.parametrize("most", [1, 3])
def test_the_size_of_a_batch_changes_numbers_by_rounding_only(box: WhiteBox, model: Any, most: int) -> None:
    def numbers() -> list[Any]:
        prompts = soft(4)
        found = [box.hidden(TEXTS, soft=prompts, layer=layer, pooling=pooling)
                 for layer in (-1, 0, 1, LAYERS) for pooling in ("last", "mean", "max")]  # fmt: skip
        return [*found, box.hidden(TEXTS), box.embed(TEXTS), box.hidden(soft=prompts, pooling="mean"),
                box.logprob(TEXTS, CONTEXT, prompts)]  # fmt: skip

    whole = numbers()
    model.most_rows = most
    for one, other in zip(whole, numbers(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)
    model.most_rows, model.most_positions = 100, 1
    for one, other in zip(whole, numbers(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)


def test_what_is_drawn_depends_on_seed_and_place_alone(box: WhiteBox) -> None:
    def drawn(many: int, seed: int) -> list[str]:
        same = np.repeat(soft(1), many, axis=0)
        return box.decode(same, CONTEXT, temperature=1.0, seed=seed, max_tokens=12)

    assert drawn(6, 1)[:3] == drawn(3, 1)
    assert len({*drawn(6, 1), *drawn(6, 2)}) == 12
    state = torch.random.get_rng_state()
    drawn(2, 1)
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_cold_draw_is_greedy(box: WhiteBox) -> None:
    greedy = box.decode(soft(4), CONTEXT, max_tokens=12)
    assert box.decode(soft(4), CONTEXT, max_tokens=12, temperature=1e-6, seed=3) == greedy


def test_draws_follow_the_models_distribution(box: WhiteBox) -> None:
    same = np.repeat(soft(1), 2000, axis=0)
    first = box.decode(same, CONTEXT, temperature=1.0, max_tokens=1)
    whole = [text for text in first if text.isascii() and text.strip()]  # and not the half of a character
    likely = max(set(whole), key=first.count)
    assert first.count(likely) > 20
    (chance,) = np.exp(box.logprob([likely], CONTEXT, soft(1)))
    assert first.count(likely) / 2000 == pytest.approx(chance, abs=4 * np.sqrt(chance * (1 - chance) / 2000))


def test_a_continuation_ends_before_the_first_stop(box: WhiteBox) -> None:
    (whole,) = box.decode(soft(1), CONTEXT, max_tokens=40)
    for stop in (whole[5:7], whole[10:13], whole[:1]):
        assert box.decode(soft(1), CONTEXT, max_tokens=40, stop=[stop, "never there"]) == [
            whole[: whole.index(stop)]
        ]


def test_rows_that_end_leave_the_others_as_they_were(box: WhiteBox) -> None:
    contexts = [CONTEXT, "The", CONTEXT + " name", "The instruction was to", "Sort", CONTEXT]
    whole = box.decode(soft(6), contexts, max_tokens=24)
    # The long prompts end early, the short ones go on.
    stops = [_plain(whole[row], [whole[1], whole[4]]) for row in (0, 2, 3, 5)]
    expected = [text[: min([text.find(s) for s in stops if s in text], default=len(text))] for text in whole]
    assert box.decode(soft(6), contexts, max_tokens=24, stop=stops) == expected
    assert sum(map(len, expected)) < sum(map(len, whole))
    assert [expected[row] == whole[row] for row in (1, 4)] == [True, True]


def _plain(text: str, others: list[str]) -> str:
    """Two plain letters of `text` that stand in none of the others."""
    pairs = [text[i : i + 2] for i in range(len(text) - 1)]
    return next(p for p in pairs if p.isascii() and p.isprintable() and not any(p in o for o in others))


def test_hidden_states_are_those_of_the_model(box: WhiteBox, model: Any) -> None:
    text = TEXTS[2]
    ids = model.tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        out = model.model(ids, output_hidden_states=True)
    states = [state[0].numpy() for state in out.hidden_states]
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(box.hidden(text)[0], states[-1][-1], **close)
    np.testing.assert_allclose(box.hidden(text, layer=0)[0], states[0][-1], **close)
    np.testing.assert_allclose(box.hidden(text, layer=1)[0], states[1][-1], **close)
    own = states[1][len(ids[0]) - len(model.tokenizer(text, add_special_tokens=False)["input_ids"]) :]
    np.testing.assert_allclose(box.hidden(text, layer=1, pooling="mean")[0], own.mean(axis=0), **close)
    np.testing.assert_allclose(box.hidden(text, layer=1, pooling="max")[0], own.max(axis=0), **close)
    assert not np.allclose(box.hidden(text, layer=LAYERS), box.hidden(text))  # before the final norm
    assert box.hidden([]).shape == (0, WIDTH)


def test_log_probabilities_add_up(box: WhiteBox, model: Any) -> None:
    with torch.no_grad():
        ids = [*model.tokenizer(CONTEXT)["input_ids"]]
        text = model.tokenizer(" add", add_special_tokens=False)["input_ids"]
        logits = model.model(torch.tensor([ids + text])).logits[0].log_softmax(dim=-1)
    expected = sum(float(logits[len(ids) - 1 + i, token]) for i, token in enumerate(text))
    found = box.logprob([" add", "", " write it all down"], CONTEXT)
    assert found[0] == pytest.approx(expected, rel=1e-4)
    assert found[1] == 0.0
    assert found[2] < found[0]
    assert box.logprob("add").shape == (1,)


def test_soft_prompts_steer(box: WhiteBox) -> None:
    assert len(set(box.decode(soft(8), CONTEXT, max_tokens=10))) == 8
    assert len({row.tobytes() for row in box.hidden(CONTEXT, soft=soft(8))}) == 8


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda b: b.decode(soft(2)[:, :, :9], CONTEXT), r"width 9.*have 32"),
        (lambda b: b.decode(soft(2)[0], CONTEXT), r"shape \(3, 32\)"),
        (lambda b: b.decode(soft(2) * np.nan, CONTEXT), "finite"),
        (lambda b: b.decode(soft(2), ["a", "b", "c"]), "3 texts for 2 soft prompts"),
        (lambda b: b.decode(soft(2), CONTEXT, max_tokens=0), "max_tokens=0"),
        (lambda b: b.decode(soft(2), CONTEXT, temperature=-1.0), "temperature=-1"),
        (lambda b: b.decode(soft(2), CONTEXT, stop=[""]), "empty text"),
        (lambda b: b.decode(None, "word " * 600), "512 at most"),
        (lambda b: b.hidden("a", layer=3), "layer=3: -1 .* or 0 to 2"),
        (lambda b: b.hidden("a", layer=-2), "layer=-2"),
        (lambda b: b.hidden("a", pooling="median"), "pooling='median'"),
        (lambda b: b.hidden(), "nothing to read"),
        (lambda b: b.logprob(["a"], ["b", "c"]), "2 contexts for 1 texts"),
        (lambda b: b.logprob(["a", "b", "c"], "", soft(2)), "2 soft prompts for 3 texts"),
        (lambda b: b.trainable(rank=0), "rank=0"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_in_words(box: WhiteBox, ask: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ask(box)
    assert box._meter._ledger.spent == box._meter._ledger.committed
    assert box._meter._ledger.spent.whitebox_tokens == 0


def test_a_text_as_long_as_the_model_reads_is_continued_no_further(box: WhiteBox, model: Any) -> None:
    text = "a" * (POSITIONS - 4 - len(model.tokenizer("")["input_ids"]))
    while len(model.tokenizer(text)["input_ids"]) < POSITIONS - 3:
        text += " q"
    assert box.decode(None, text, max_tokens=50)
    with pytest.raises(ValueError, match="512"):
        box.decode(soft(1, 10), text)


def test_an_empty_context_is_read_from_the_soft_prompt_or_the_first_token(box: WhiteBox) -> None:
    assert len(set(box.decode(soft(3), "", max_tokens=8))) == 3
    assert box.decode(None, "", max_tokens=8)[0]


# --- memory ---------------------------------------------------------------------------


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(),
                                   RuntimeError("DefaultCPUAllocator: can't allocate memory")])  # fmt: skip
def test_when_memory_runs_out_the_batch_is_halved_and_said_once(
    box: WhiteBox, model: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:  # fmt: skip
    expected = box.decode(soft(9), CONTEXT, max_tokens=6)
    vectors = box.hidden(TEXTS)
    padded, sizes = model._padded, []

    def small(prompts: Any, rows: list[int]) -> Any:
        sizes.append(len(rows))
        if len(rows) > 2:
            raise error
        return padded(prompts, rows)

    monkeypatch.setattr(model, "_padded", small)
    model._warned = False
    assert box.decode(soft(9), CONTEXT, max_tokens=6) == expected
    np.testing.assert_allclose(box.hidden(TEXTS), vectors, rtol=1e-4, atol=1e-5)
    assert [size for size in sizes if size > 2] == [9, 5, 3]
    said = capsys.readouterr().err
    assert said.count("out of memory") == 1
    assert "with 9 prompts at a time; going on with 5" in said


def test_when_memory_runs_out_for_a_single_prompt_the_person_is_told(
    box: WhiteBox, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(model, "_padded", never)
    with pytest.raises(UsageError, match="out of memory on cpu with a single prompt"):
        box.hidden(TEXTS)
    assert box._meter._ledger.committed.whitebox_tokens == 0


def test_other_errors_are_not_taken_for_it(
    box: WhiteBox, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(model, "_padded", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        box.hidden(TEXTS)


# --- adapters -------------------------------------------------------------------------


def names(model: Any) -> list[str]:
    return [f"{name} {type(module)}" for name, module in model.model.named_modules()]


def test_an_adapter_changes_nothing_at_first_and_leaves_no_trace(box: WhiteBox, model: Any) -> None:
    before, modules = box.hidden(TEXTS), names(model)
    weights = {name: value.clone() for name, value in model.model.state_dict().items()}
    with box.trainable(rank=2, seed=1) as parameters:
        assert np.array_equal(box.hidden(TEXTS), before)
        start = parameters.get_flat()
        assert start.shape == (parameters.size,)
        assert start.dtype == np.float32
        changed = start + np.random.default_rng(0).normal(size=parameters.size).astype(np.float32)
        parameters.set_flat(changed)
        assert np.array_equal(parameters.get_flat(), changed)
        assert not np.allclose(box.hidden(TEXTS), before, atol=0.1)
        parameters.set_flat(start)
        assert np.array_equal(box.hidden(TEXTS), before)
        parameters.set_flat(changed)
    assert np.array_equal(box.hidden(TEXTS), before)
    assert names(model) == modules
    assert not hasattr(model.model, "peft_config")
    after = model.model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in weights.items())
    parameters.close()


def test_others_see_the_frozen_model_while_one_is_trained(folder: Path) -> None:
    ours, theirs, third = white_box(folder), white_box(folder), white_box(folder)
    assert ours._model is theirs._model
    before = theirs.hidden(TEXTS)
    one, other = ours.trainable(rank=2), theirs.trainable(rank=4, seed=9)
    one.set_flat(one.get_flat() + 1.0)
    mine = ours.hidden(TEXTS)
    assert np.array_equal(theirs.hidden(TEXTS), before)
    assert np.array_equal(third.hidden(TEXTS), before)
    other.set_flat(other.get_flat() - 1.0)
    assert np.array_equal(ours.hidden(TEXTS), mine)
    assert not np.allclose(theirs.hidden(TEXTS), before, atol=0.1)
    one.close()
    assert np.array_equal(ours.hidden(TEXTS), before)
    other.close()
    assert np.array_equal(theirs.hidden(TEXTS), before)


def test_a_forgotten_adapter_is_removed_with_its_holder(folder: Path) -> None:
    box = white_box(folder)
    model = box._model
    modules = names(model)
    box.trainable(rank=1)
    del box
    import gc

    gc.collect()
    assert names(model) == modules


def test_adapters_are_seeded_and_draw_nothing_from_the_global_generator(box: WhiteBox) -> None:
    state = torch.random.get_rng_state()
    found = []
    for seed in (1, 1, 2):
        with box.trainable(rank=2, seed=seed) as parameters:
            found.append(parameters.get_flat())
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
    assert torch.equal(state, torch.random.get_rng_state())


def test_one_white_box_is_trained_in_one_way_at_a_time(box: WhiteBox) -> None:
    with box.trainable() as parameters:
        with pytest.raises(RuntimeError, match="trained already"):
            box.trainable()
        with pytest.raises(ValueError, match="parameters"):
            parameters.set_flat(np.zeros(3, dtype=np.float32))
        with pytest.raises(ValueError, match="finite"):
            parameters.set_flat(parameters.get_flat() * np.nan)
    with box.trainable(rank=1):
        pass


# --- chat templates -------------------------------------------------------------------


def test_the_chat_template_is_used_where_there_is_one(llama_dir: Path, gpt2_dir: Path) -> None:
    assert white_box(llama_dir).chat("Say hot.") == "<user>Say hot.\n<assistant>"
    assert white_box(gpt2_dir).chat("Say hot.") == "Say hot."
    box = white_box(llama_dir)
    ids = box._model.prompts(box.chat("Say hot."), None).ids[0]
    assert list(ids).count(box._model.tokenizer.bos_token_id) == 1
