"""The dashboard's forms. They judge shape; whether a video may be made is the pipeline's to say."""

from __future__ import annotations

from typing import Any, TypeVar

from django import forms
from django.db.models import Model
from django.http import QueryDict

from avatarsite.workspaces.models import Workspace
from studio.captions.wish import BESIDE
from studio.library import find_uploads
from studio.media.captions.files import MAX_BYTES as MAX_CAPTIONS_BYTES
from studio.models import CaptionLook, Project, Upload, UploadKind
from studio.models.content import Label
from studio.pipeline.request.options import (
    DEFAULTS,
    ENDPOINT_LIMIT,
    MAX_LIFE_SECONDS,
    MIN_LIFE_SECONDS,
    QUALITY,
    TAKES,
)
from studio.pipeline.request.quote import CHEAPEST, FASTEST
from studio.pipeline.request.render_request import PROMPT_LIMIT
from studio.pipeline.request.usual import usual_of
from studio.pipeline.request.usual_checks import NAMES as CHECKS
from studio.pipeline.request.usual_checks import checks_of
from studio.projects import open_projects
from studio.providers.registry import MODELS, PROVIDERS, find, offers_of
from studio.speech.pronunciations import MAX_SAID, MAX_WORD
from studio.speech.script import MAX_CHARACTERS
from studio.speech.speakers import speakers

M = TypeVar("M", bound=Model)

TITLE_TOO_LONG = "The title has %(show_value)s characters; the limit is %(limit_value)s."
# Every engine speaks at these.
PACES = ((0.8, "Slower"), (0.9, "A little slower"), (1, "As it is"), (1.1, "A little faster"), (1.2, "Faster"))
USUAL_PACE = 2
UNAIDED = {"autocomplete": "off", "spellcheck": "false"}
FORMATS = {"mp4": "MP4", "webm": "WebM", "mov": "MOV"}
FORMAT_HINT = "MP4 plays everywhere. WebM is smaller on the web. MOV suits editing programs."


class RowChoice(forms.ModelChoiceField[M]):
    """A choice among rows by id. PostgreSQL takes no NUL in a string, so such an id is refused before it is asked."""

    def to_python(self, value: Any) -> M | None:
        return super().to_python("-" if isinstance(value, str) and "\0" in value else value)


class UploadChoice(RowChoice[Upload]):
    """One upload of the workspace, carried as its id in a hidden field."""

    widget = forms.HiddenInput

    def __init__(self, kind: UploadKind) -> None:
        super().__init__(
            Upload.objects.none(),
            required=False,
            error_messages={"invalid_choice": f"This {kind.label.lower()} is gone. Choose another."},
        )
        self.kind = kind


class OptionFields(forms.Form):
    """What a project keeps as its defaults and a video may have otherwise."""

    prompt = forms.CharField(
        required=False,
        max_length=PROMPT_LIMIT,
        widget=forms.Textarea(attrs={"rows": 3, "data-count": PROMPT_LIMIT}),
        help_text="Mood and movement, such as “calm, looks into the camera, small nods”. The voice says the words.",
        error_messages={"max_length": "The prompt has %(show_value)s characters; the limit is %(limit_value)s."},
    )
    output_format = forms.ChoiceField(
        label="File format",
        choices=list(FORMATS.items()),
        help_text=FORMAT_HINT,
        error_messages={"invalid_choice": "There is no format %(value)s. Choose MP4, WebM or MOV."},
    )
    output_quality = forms.IntegerField(
        label="Quality",
        min_value=QUALITY[0],
        max_value=QUALITY[1],
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
        help_text=f"{QUALITY[0]} to {QUALITY[1]}. Lower makes a smaller file.",
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"),
            f"Write a whole number from {QUALITY[0]} to {QUALITY[1]}.",
        ),
    )

    def options(self) -> dict[str, Any]:
        """The options of a render as the pipeline takes them."""
        cleaned = self.cleaned_data
        return {name: cleaned.get(name) or default for name, default in DEFAULTS.items()}


class VideoForm(OptionFields):
    """A new video. Files are for browsers without a script; with one, they are uploaded before and only named here."""

    takes = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value=None,
        choices=[(number, str(number)) for number in range(TAKES[0], TAKES[1] + 1)],
        help_text="Each take is a video with a price of its own. All are made, or none.",
        error_messages={"invalid_choice": f"Choose {TAKES[0]} to {TAKES[1]} takes."},
    )
    content_check = forms.ChoiceField(
        required=False,
        choices=[("none", "None"), ("fast", "Fast: key frames"), ("full", "Full: all frames")],
        help_text="Looked for before you get it: nudity, by the provider or by us. It costs nothing.",
        error_messages={"invalid_choice": "There is no content check %(value)s. Choose none, fast or full."},
    )
    if_flagged = forms.ChoiceField(
        label="If it is marked",
        required=False,
        choices=[("deliver", "Deliver it, marked"), ("withhold", "Withhold it")],
        help_text="It costs the same either way: it was made. A withheld one can be released.",
        error_messages={"invalid_choice": "Choose whether a marked video is delivered or withheld."},
    )
    visible_label = forms.ChoiceField(
        label="Visible label",
        required=False,
        choices=Label.choices,
        help_text="Small words in the picture, beside the papers that each video carries. It costs nothing.",
        error_messages={"invalid_choice": "Choose whether the picture gets a label."},
    )
    captions = forms.ChoiceField(
        required=False,
        choices=[
            (BESIDE, "Beside the video"),
            *((look, f"In the picture as well: {name.lower()}") for look, name in CaptionLook.choices if look),
            ("none", "None"),
        ],
        help_text="Of a voice that was typed. For any other you add them on the video’s page.",
        error_messages={"invalid_choice": "There are no captions %(value)s. Choose one of these."},
    )
    ttl_seconds = forms.IntegerField(
        label="Delete the files after",
        required=False,
        min_value=MIN_LIFE_SECONDS,
        max_value=MAX_LIFE_SECONDS,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "placeholder": "Kept until you delete them"}),
        help_text="Seconds from when the video is ready: 3,600 is an hour, 86,400 a day. The receipt stays.",
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"),
            f"Write a whole number of seconds from {MIN_LIFE_SECONDS} to {MAX_LIFE_SECONDS:,}, or nothing.",
        ),
    )
    upload_endpoint = forms.CharField(
        label="Send the file to",
        required=False,
        max_length=ENDPOINT_LIMIT,
        widget=forms.URLInput(attrs={"placeholder": "https://", "autocomplete": "off", "spellcheck": "false"}),
        help_text="An https address that takes a PUT, such as a presigned link of a bucket.",
    )

    # What is typed for the voice slot. It bears on no video before it is spoken, so nothing here refuses one. That the
    # words are no longer those of the voice is said when a video is asked for.
    script = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "data-count": MAX_CHARACTERS, "maxlength": MAX_CHARACTERS}),
        help_text=f"Up to {MAX_CHARACTERS:,} characters. A pause is written [pause 0.5s].",
    )
    speaker = forms.CharField(required=False, widget=forms.Select)
    pace = forms.CharField(required=False, initial=str(PACES[USUAL_PACE][0]), widget=forms.Select(choices=PACES))
    portrait = UploadChoice(UploadKind.PORTRAIT)
    voice = UploadChoice(UploadKind.VOICE)
    portrait_file = forms.FileField(required=False)
    voice_file = forms.FileField(required=False)
    title = forms.CharField(
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"placeholder": "Named after the portrait and the words", "autocomplete": "off"}),
        error_messages={"max_length": TITLE_TOO_LONG},
    )
    project = RowChoice(
        Project.objects.none(),
        required=False,
        empty_label=None,
        error_messages={"invalid_choice": "This project takes no new videos. Choose another."},
    )
    model = forms.ChoiceField(required=False, choices=[(model.slug, model.name) for model in MODELS.values()])
    routing = forms.ChoiceField(
        required=False,
        choices=[(routing, routing) for routing in (CHEAPEST, FASTEST, *PROVIDERS)],
        error_messages={"invalid_choice": "There is no provider %(value)s. Choose how the provider is picked again."},
    )
    # A hidden "no" goes before the box's "yes", so that a form that says nothing leaves it allowed.
    fallback = forms.ChoiceField(
        required=False,
        choices=[("yes", "yes"), ("no", "no")],
        error_messages={"invalid_choice": "Choose again whether the video may move to another provider."},
    )
    # The portrait whose warnings were read: another portrait has to be confirmed anew.
    accept_warnings = forms.CharField(required=False, widget=forms.HiddenInput)
    # The portrait and the voice of which the right was stated.
    rights = forms.CharField(required=False, widget=forms.HiddenInput)
    idempotency_key = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)
    max_amount_micros = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)
    quote = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace
        usual = usual_of(workspace)
        self.initial.setdefault("routing", usual.routing)
        self.initial.setdefault("fallback", "yes" if usual.fallback else "no")
        for name in ("portrait", "voice"):
            choice = self.fields[name]
            if isinstance(choice, UploadChoice):
                choice.queryset = find_uploads(workspace, choice.kind)
        self.speakers = known = speakers()
        self.fields["speaker"].widget = forms.Select(choices=[(one.id, f"{one.name}, {one.language}") for one in known])
        self.initial.setdefault("speaker", known[0].id if known else "")
        projects = self.fields["project"]
        if isinstance(projects, forms.ModelChoiceField):
            projects.queryset = open_projects(workspace)
        self.initial.setdefault("model", next(iter(MODELS)))
        for name, value in (DEFAULTS | checks_of(workspace)).items():
            self.initial.setdefault(name, value)

    def options(self) -> dict[str, Any]:
        """What it says nothing of is as the workspace usually has it."""
        said = self.cleaned_data
        return {name: value for name, value in super().options().items() if name not in CHECKS or said.get(name)}

    def clean_model(self) -> str:
        return self.cleaned_data["model"] or next(iter(MODELS))

    def clean_pace(self) -> float:
        return (
            float(self.cleaned_data["pace"]) if self.cleaned_data["pace"] in {str(pace) for pace, _ in PACES} else 1.0
        )

    def clean_fallback(self) -> bool:
        return bool(self.cleaned_data["fallback"] != "no")

    def clean(self) -> dict[str, Any]:
        if "routing" in self.cleaned_data:
            known = self.cleaned_data.get("model", "")
            self.cleaned_data["routing"] = known_routing(known, self.cleaned_data["routing"])
        return self.cleaned_data


def known_routing(model: str, routing: str) -> str:
    """The routing, as far as it makes sense for this model: a provider that was pinned for another model no longer is.

    An older video may name a single offer; the form knows its provider.
    """
    named = find(routing)
    routing = named.provider if named else routing
    if routing == FASTEST or routing in {offer.provider for offer in offers_of(model)}:
        return routing
    return CHEAPEST


CAPTION_SOURCES = [
    ("script", "From the voice’s script, exact"),
    ("text", "From a text that I paste; the times are estimated"),
    ("file", "From an SRT or WebVTT file"),
]


class CaptionsForm(forms.Form):
    """Where a video's captions come from. What is wrong with them the domain says."""

    source = forms.ChoiceField(
        label="Words and times",
        choices=CAPTION_SOURCES,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose where the words come from.", "invalid_choice": "Choose one of these."},
    )
    text = forms.CharField(
        label="What the voice says",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "dir": "auto"}),
        help_text="Sentence by sentence. The times follow the pauses of the voice.",
    )
    file = forms.FileField(
        label="File",
        required=False,
        widget=forms.FileInput(attrs={"accept": ".srt,.vtt,text/vtt,application/x-subrip"}),
    )
    burn = forms.ChoiceField(
        label="In the picture",
        required=False,
        choices=[("", "No, beside the video alone"), *(look for look in CaptionLook.choices if look[0])],
        help_text="Makes a further video with them in it, below the face. The video itself stays.",
        error_messages={"invalid_choice": "Choose one of the looks."},
    )

    def __init__(self, data: QueryDict | None = None, files: Any = None, *, has_script: bool, **more: Any) -> None:
        super().__init__(data, files, **more)
        source = self.fields["source"]
        if isinstance(source, forms.ChoiceField) and not has_script:
            source.choices = CAPTION_SOURCES[1:]

    def asked(self) -> dict[str, Any]:
        """The body that asks for the same."""
        source, found = self.cleaned_data["source"], self.cleaned_data
        asked = {"from": source, "burn": found["burn"]}
        if source == "text":
            asked["text"] = found["text"]
        if source == "file":
            asked["file"] = found["file"].read(MAX_CAPTIONS_BYTES + 1) if found["file"] else b""
        return asked


class TitleForm(forms.Form):
    title = forms.CharField(
        max_length=120,
        error_messages={"required": "A video needs a title.", "max_length": TITLE_TOO_LONG},
    )
    tags = forms.CharField(
        required=False,
        max_length=1_000,
        help_text="Words of this workspace, divided by commas. Videos are found by them.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class PronunciationForm(forms.Form):
    word = forms.CharField(label="Word or phrase", max_length=MAX_WORD, widget=forms.TextInput(attrs=UNAIDED))
    said = forms.CharField(label="As it is said", max_length=MAX_SAID, widget=forms.TextInput(attrs=UNAIDED))


class ProjectNameForm(forms.Form):
    name = forms.CharField(
        label="Name of the project",
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": "A project needs a name.",
            "max_length": "The name has %(show_value)s characters; the limit is %(limit_value)s.",
        },
    )


class ProjectForm(ProjectNameForm, OptionFields):
    """A project's name and what its new videos start from."""

    portrait = RowChoice(
        Upload.objects.none(),
        label="Portrait",
        required=False,
        empty_label="None",
        help_text="New videos of this project start with it.",
    )

    model = forms.ChoiceField(
        required=False,
        choices=[("", "Whichever is chosen then"), *((model.slug, model.name) for model in MODELS.values())],
    )

    field_order = ["name", "portrait", "model", "prompt", "output_format", "output_quality"]

    def __init__(self, project: Project, data: QueryDict | None = None) -> None:
        initial = DEFAULTS | project.defaults | {"name": project.name, "portrait": project.portrait_id}
        super().__init__(data, initial=initial)
        portraits = self.fields["portrait"]
        if isinstance(portraits, forms.ModelChoiceField):
            portraits.queryset = find_uploads(project.workspace, UploadKind.PORTRAIT)

    def defaults(self) -> dict[str, Any]:
        """Only what differs from the product's own defaults, so that those can change later."""
        chosen = self.options() | {name: self.cleaned_data[name] for name in ("model", "prompt")}
        return {name: value for name, value in chosen.items() if value != DEFAULTS.get(name, "")}
