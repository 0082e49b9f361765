"""Words of the tools: which operation of the API each is, and what an agent is told of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToolWords:
    """What a tool does, by its ``operation_id`` in the document; ``words`` are for the agent."""

    name: str
    title: str
    operation_id: str
    words: str


TOOLS = (
    ToolWords("list_models", "Models", "list_models", "Models that videos can be made with."),
    ToolWords(
        "list_uploads",
        "Uploads",
        "list_uploads",
        "Portraits and voices of the workspace; their ids are what a video is made of.",
    ),
    ToolWords(
        "quote",
        "Price a video",
        "create_quote",
        "What a video would cost at most. Holds and charges nothing; its `id`, sent as `quote`, binds the price.",
    ),
    ToolWords(
        "make_video",
        "Make a video",
        "create_render",
        "Ask for a talking video of a portrait and a voice. Its ceiling is held; one that fails costs nothing. Give an "
        "`idempotency_key` of your own, so that a repeat makes no second one. An answer with the state "
        "`awaiting_approval` is above what this token spends by itself: tell the person its `page`, then call "
        "wait_for_approval.",
    ),
    ToolWords(
        "wait_for_approval",
        "Wait for a yes",
        "get_approval",
        "Wait until a person has decided. Approved, it names the `render`; declined or expired, nothing was made.",
    ),
    ToolWords(
        "wait_for_video",
        "Wait for a video",
        "get_render",
        "A video as it stands; with `wait` (seconds), once it is ready, failed or cancelled. Call it again until then.",
    ),
    ToolWords("list_videos", "Videos", "list_renders", "Videos, newest first, by words, tag, state, metadata or time."),
    ToolWords(
        "share_video",
        "Share a video",
        "list_render_outputs",
        "Links to a ready video’s files that work for whoever has them, until they expire.",
    ),
    ToolWords("get_balance", "Balance", "get_balance", "The workspace’s credit, and what of it is held."),
)
