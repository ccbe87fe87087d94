"""Which step and which stream of guidance a call of a transformer belongs to."""

import contextlib

STREAMS = ("cond", "uncond")


class StreamTracker:
    """Follows the calls of one pipeline's transformers through one video.

    Pipelines that name their calls (transformer.cache_context("cond")) are believed; others are
    taken to call with the prompt first. A stream's second call begins the next step.
    """

    def __init__(self, transformers):
        self.transformers = transformers
        self.named = None  # the cache_context that the call is in
        self.begin(1)
        for transformer in transformers:
            transformer.cache_context = self._context_of(transformer.cache_context)

    def remove(self):
        for transformer in self.transformers:
            del transformer.cache_context  # the class's own is seen again

    def begin(self, num_streams):
        """A new video with so many calls a step."""
        self.num_streams = num_streams
        self.step = -1
        self.seen = []  # streams of this step, in the order of their calls
        self.stream = None

    def call(self):
        """A transformer's call begins. True if it is the first of a step."""
        if self.named is not None:
            self.stream = self.named
        else:
            self.stream = STREAMS[len(self.seen) % self.num_streams]
        is_new = not self.seen or self.stream in self.seen
        if is_new:
            self.step += 1
            self.seen = []
        self.seen.append(self.stream)
        return is_new

    def _context_of(self, original):
        @contextlib.contextmanager
        def cache_context(name):
            self.named = name
            try:
                with original(name):
                    yield
            finally:
                self.named = None
        return cache_context
