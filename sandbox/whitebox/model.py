"""A loaded causal LM: what it writes behind soft prompts, its hidden states, its log-probabilities."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
import numpy as np
from numpy.typing import NDArray

from sandbox.errors import UsageError
from sandbox.whitebox.decoding import Reader, Style, cut, write
from sandbox.whitebox.prompts import Floats, Prompts, batches, checked_soft, spread

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
POOLINGS = ("last", "mean", "max")
_POSITIONS = {"cpu": 8_192, "cuda": 131_072}
"""Positions of a batch, at most; what a batch needs grows with them."""
_ROWS = {"cpu": 128, "cuda": 1_024}


class LocalModel:
    """One model in memory, shared by all who use it in this process; nothing here changes its weights."""

    def __init__(self, name: str, model: Any, tokenizer: Any) -> None:
        """Take a causal LM of transformers, on its device, and its tokenizer."""
        self.name = name
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.table: torch.Tensor = model.get_input_embeddings().weight
        """The token embeddings, shape (vocabulary, H)."""
        config = model.config.get_text_config()
        self.width = int(self.table.shape[1])
        self.hidden_width = int(config.hidden_size)
        self.layers = int(config.num_hidden_layers)
        self.vocabulary = int(self.table.shape[0])
        self.positions: int | None = getattr(config, "max_position_embeddings", None)
        """The longest text it can read and write; None where there is no such bound."""
        self.most_rows = _ROWS[self.table.device.type]
        """In a batch; halved when memory runs out."""
        self.most_positions = _POSITIONS[self.table.device.type]
        takes = inspect.signature(model.forward).parameters
        self._positioned = "position_ids" in takes
        self._cached = "cache" if "cache" in takes else "past_key_values"
        ends = [model.generation_config.eos_token_id, tokenizer.eos_token_id, config.eos_token_id]
        flat = [end for one in ends for end in (one if isinstance(one, list) else [one])]
        self._ends = frozenset(end for end in flat if end is not None)
        begins = [tokenizer.bos_token_id, config.bos_token_id, *flat]
        self._start = next((token for token in begins if token is not None), None)
        self._warned = False

    @property
    def device(self) -> str:
        """Where it lies: cpu or cuda."""
        return str(self.table.device.type)

    # --- prompts ------------------------------------------------------------------------

    def chat(self, text: str) -> str:
        """`text` as a user's turn in the chat template, the assistant's turn opened; as it is without one."""
        if not self.tokenizer.chat_template:
            return text
        told: str = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
        )
        begin = self.tokenizer.bos_token
        if begin and told.startswith(begin) and self._ids("a")[:1] == (self.tokenizer.bos_token_id,):
            return told[len(begin) :]  # the tokenizer puts it there itself
        return told

    def _ids(self, text: str, special: bool = True) -> tuple[int, ...]:
        return tuple(self.tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"])

    def count(self, text: str) -> int:
        """How many tokens a text is, with those that the tokenizer puts around it."""
        return len(self._ids(text))

    def prompts(self, texts: str | Sequence[str] | None, soft: Floats | None) -> Prompts:
        """Texts behind their soft prompts.

        Raises:
            ValueError: if there are not as many of the ones as of the others, a soft prompt has the wrong
                shape, or a prompt is longer than the model can read.
        """
        soft = checked_soft(soft, self.width)
        wanted = spread("" if texts is None else texts, soft, "texts")
        known: dict[str, tuple[tuple[int, ...], tuple[bool, ...]]] = {}
        for text in wanted:
            if text not in known:
                ids = self._ids(text) if text or soft is None else ()
                if not ids and soft is None and self._start is not None:
                    ids = (self._start,)
                plain = set(self._ids(text, special=False))
                extra = set(self.tokenizer.all_special_ids) - plain
                known[text] = ids, tuple([token not in extra for token in ids])
        found = [known[text] for text in wanted]
        return self._fitting(Prompts(tuple([i for i, _ in found]), soft, tuple([o for _, o in found])))

    def scored(
        self, texts: str | Sequence[str], context: str | Sequence[str], soft: Floats | None
    ) -> Prompts:
        """Contexts, each with the text behind it that is to be scored.

        Raises:
            ValueError: see `prompts`.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        contexts = [context] * len(texts) if isinstance(context, str) else list(context)
        if len(contexts) != len(texts):
            raise ValueError(f"{len(contexts)} contexts for {len(texts)} texts: one for all, or one each")
        soft = checked_soft(soft, self.width)
        if soft is not None and len(soft) != len(texts):
            if len(soft) != 1:
                raise ValueError(f"{len(soft)} soft prompts for {len(texts)} texts: one for all, or one each")
            soft = np.repeat(soft, len(texts), axis=0)
        ids, own = [], []
        for before, text in zip(contexts, texts, strict=True):
            head = self._ids(before) if before or soft is None else ()
            if not head and soft is None and self._start is not None:
                head = (self._start,)
            body = self._ids(text, special=False)
            ids.append(head + body)
            own.append((False,) * len(head) + (True,) * len(body))
        return self._fitting(Prompts(tuple(ids), soft, tuple(own)))

    def _fitting(self, prompts: Prompts) -> Prompts:
        longest = max(prompts.lengths, default=0)
        if self.positions is not None and longest > self.positions:
            raise ValueError(f"a prompt of {longest} tokens, and {self.name} reads {self.positions} at most")
        return prompts

    # --- what it can do -----------------------------------------------------------------

    def decode(self, prompts: Prompts, style: Style) -> tuple[list[str], int]:
        """The continuation of each prompt, and how many tokens were written in all."""
        if self.positions is not None:
            room = self.positions - max(prompts.lengths, default=0)
            if room < 1:
                raise ValueError(f"{self.name} can write nothing behind {self.positions} tokens")
            if room < style.max_tokens:
                style = Style(room, style.temperature, style.seed, style.stop)

        def work(rows: list[int]) -> list[list[int]]:
            embeddings, mask = self._padded(prompts, rows)
            reader = Reader(self.model, self._ends, self._text, self._positioned, self._cached)
            return write(reader, embeddings, mask, style, rows)

        written = self._in_batches(prompts, style.max_tokens, work)
        texts = [cut(self._text(tokens), style.stop) for tokens in written]
        return texts, sum(map(len, written))

    def _text(self, tokens: Sequence[int]) -> str:
        written: str = self.tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return written

    def hidden(self, prompts: Prompts, layer: int = -1, pooling: str = "last") -> Floats:
        """Hidden states, shape (B, hidden width); see `sandbox.whitebox.lent.WhiteBox.hidden`."""
        if pooling not in POOLINGS:
            raise ValueError(f"pooling={pooling!r}: one of {', '.join(POOLINGS)}")
        if not -1 <= layer <= self.layers:
            raise ValueError(f"layer={layer}: -1 (the last, normed), or 0 to {self.layers}")

        def work(rows: list[int]) -> list[Floats]:
            embeddings, mask = self._padded(prompts, rows)
            states = self._states(embeddings, mask, layer)
            if pooling == "last":
                return list(states[:, -1].float().cpu().numpy())
            chosen = self._pooled(prompts, rows, mask)[:, :, None]
            states = states.float()
            if pooling == "max":
                return list(states.masked_fill(~chosen, -math.inf).amax(dim=1).cpu().numpy())
            sums = states.masked_fill(~chosen, 0.0).sum(dim=1)
            return list((sums / chosen.sum(dim=1)).cpu().numpy())

        found = self._in_batches(prompts, 0, work)
        return np.stack(found) if found else np.zeros((0, self.hidden_width), dtype=np.float32)

    def logprob(self, prompts: Prompts) -> NDArray[np.float64]:
        """Of each prompt the sum of the log-probabilities of its own tokens, shape (B,)."""
        import torch

        def work(rows: list[int]) -> list[float]:
            embeddings, mask = self._padded(prompts, rows)
            own = [prompts.own[row] for row in rows]
            longest = max(map(sum, own))
            if not longest:
                return [0.0] * len(rows)
            # Padding is on the left, so all that is scored stands at the end.
            logits = self._forward(embeddings, mask, logits_to_keep=longest + 1).logits[:, -longest - 1 : -1]
            ids = torch.zeros(len(rows), longest, dtype=torch.long)
            scored = torch.zeros(len(rows), longest, dtype=torch.bool)
            for place, (row, mine) in enumerate(zip(rows, own, strict=True)):
                tokens = [token for token, yes in zip(prompts.ids[row], mine, strict=True) if yes]
                if tokens:
                    ids[place, -len(tokens) :] = torch.tensor(tokens)
                    scored[place, -len(tokens) :] = True
            ids, scored = ids.to(logits.device), scored.to(logits.device)
            logits = logits[:, -longest:].float()
            said = logits.gather(2, ids[:, :, None])[:, :, 0] - logits.logsumexp(dim=2)
            return said.double().masked_fill(~scored, 0.0).sum(dim=1).tolist()  # type: ignore[no-any-return]

        return np.array(self._in_batches(prompts, 0, work), dtype=np.float64)

    def embeddings_rms(self) -> float:
        """Root mean square entry of the token embeddings."""
        return float(self.table.detach().double().pow(2).mean().sqrt())

    # --- forward passes -----------------------------------------------------------------

    def _padded(self, prompts: Prompts, rows: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings of some prompts, padded on the left, shape (B, L, H), and the mask, shape (B, L)."""
        import torch

        lengths = prompts.lengths
        longest, ahead = max(lengths[row] for row in rows), prompts.ahead
        # What pads is masked and can be any token; models differ in whether they have one for it.
        ids = torch.zeros(len(rows), longest, dtype=torch.long)
        mask = torch.zeros(len(rows), longest, dtype=torch.long)
        for place, row in enumerate(rows):
            if prompts.ids[row]:
                ids[place, longest - lengths[row] + ahead :] = torch.tensor(prompts.ids[row])
            mask[place, longest - lengths[row] :] = 1
        device = self.table.device
        embeddings = self.model.get_input_embeddings()(ids.to(device))
        if prompts.soft is not None:
            soft = torch.from_numpy(prompts.soft[rows]).to(device, embeddings.dtype)
            for place, row in enumerate(rows):
                begin = longest - lengths[row]
                embeddings[place, begin : begin + ahead] = soft[place]
        return embeddings, mask.to(device)

    def _forward(self, embeddings: torch.Tensor, mask: torch.Tensor, base: bool = False, **more: Any) -> Any:
        if self._positioned:
            more["position_ids"] = (mask.cumsum(dim=1) - 1).clamp(min=0)
        if not bool(mask.all()):
            more["attention_mask"] = mask
        run = self.model.base_model if base else self.model
        return run(inputs_embeds=embeddings, use_cache=False, **more)

    def _states(self, embeddings: torch.Tensor, mask: torch.Tensor, layer: int) -> torch.Tensor:
        """Hidden states of all positions, shape (B, L, hidden width)."""
        if layer == -1:
            states: torch.Tensor = self._forward(embeddings, mask, base=True).last_hidden_state
            return states
        blocks = self._blocks()
        seen: list[torch.Tensor] = []
        if layer == 0:
            hook = blocks[0].register_forward_pre_hook(
                lambda _, args, kwargs: seen.append(args[0] if args else kwargs["hidden_states"]),
                with_kwargs=True,
            )
        else:
            hook = blocks[layer - 1].register_forward_hook(
                lambda _, __, out: seen.append(out[0] if isinstance(out, tuple) else out)
            )
        try:
            self._forward(embeddings, mask, base=True)
        finally:
            hook.remove()
        return seen[0]

    def _blocks(self) -> Any:
        """The transformer blocks, in order."""
        import torch

        for module in self.model.base_model.modules():
            if isinstance(module, torch.nn.ModuleList) and len(module) == self.layers:
                return module
        raise UsageError(f"white box {self.name}: its blocks are not found; only layer=-1 can be looked at")

    def _pooled(self, prompts: Prompts, rows: list[int], mask: torch.Tensor) -> torch.Tensor:
        """Which positions are pooled, shape (B, L): the text's own tokens; all of a prompt without any."""
        import torch

        chosen = mask.bool().clone()
        for place, row in enumerate(rows):
            own = prompts.own[row]
            if any(own):
                chosen[place] = False
                chosen[place, mask.shape[1] - len(own) :] = torch.tensor(own, device=mask.device)
        return chosen

    def _in_batches(self, prompts: Prompts, more: int, work: Callable[[list[int]], Sequence[T]]) -> list[T]:
        """What `work` makes of each prompt; when memory runs out, with half as many at a time.

        Raises:
            UsageError: if memory runs out for one prompt alone.
        """
        import torch

        lengths = [length + more for length in prompts.lengths]
        found: dict[int, T] = {}
        waiting = list(batches(lengths, self.most_rows, self.most_positions))[::-1]
        with torch.inference_mode():
            while waiting:
                rows = waiting.pop()
                answers = self._tried(rows, work)
                if answers is not None:
                    found.update(zip(rows, answers, strict=True))
                    continue
                half = (len(rows) + 1) // 2
                waiting += [rows[half:], rows[:half]]
                self.most_rows = min(self.most_rows, half)
                waiting = [
                    part[at : at + half] for part in waiting for at in reversed(range(0, len(part), half))
                ]
        return [found[row] for row in range(len(prompts))]

    def _tried(self, rows: list[int], work: Callable[[list[int]], Sequence[T]]) -> Sequence[T] | None:
        """What `work` makes of some prompts; None when memory runs out."""
        import torch

        try:
            return work(rows)
        except (MemoryError, RuntimeError) as exc:
            if not _out_of_memory(exc):
                raise
            if len(rows) == 1:
                raise UsageError(
                    f"white box {self.name}: out of memory on {self.device} with a single prompt; "
                    "a smaller dtype, another device or a smaller model is needed"
                ) from exc
        # Here the error is gone, and with it the frames that held the memory.
        if self.device == "cuda":
            torch.cuda.empty_cache()
        if not self._warned:
            self._warned = True
            click.echo(
                f"white box {self.name}: out of memory with {len(rows)} prompts at a time; "
                f"going on with {(len(rows) + 1) // 2}",
                err=True,
            )
        return None


def _out_of_memory(error: Exception) -> bool:
    """CUDA has an error of its own for it; the CPU's allocator raises a plain one."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return "can't allocate memory" in str(error) or "not enough memory" in str(error)
