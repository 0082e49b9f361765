from __future__ import annotations

from django.conf import settings
from django.db import models

from avatarsite.workspaces.models import ApiToken
from studio.models.renders import Render
from studio.models.uploads import Upload


class SigningCertificate(models.Model):
    """A certificate that files were signed with here: by these we know our own, also after the next one."""

    serial = models.CharField("serial number", primary_key=True, max_length=60)
    subject = models.CharField(max_length=300)
    root = models.TextField("root certificate")
    since = models.DateTimeField("first used at", auto_now_add=True)

    def __str__(self) -> str:
        return self.subject


class Papers(models.Model):
    """The papers of one output file: its C2PA manifest, in it or beside it."""

    file = models.CharField("storage name of the output", primary_key=True, max_length=200)
    render = models.ForeignKey(Render, models.CASCADE, related_name="papers")
    sha256 = models.CharField("SHA-256 of the output", max_length=64, db_index=True)
    signer = models.CharField("name in the certificate", max_length=200, blank=True)
    beside = models.FileField("manifest beside it", max_length=210, blank=True)
    failure = models.CharField("why it is not signed", max_length=300, blank=True)
    signed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "papers"

    def __str__(self) -> str:
        return f"Papers of {self.file}"


class RightsStatement(models.Model):
    """A person's statement that they may use a face or a voice, made with the first paid video of it."""

    upload = models.OneToOneField(Upload, models.CASCADE, primary_key=True, related_name="rights")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    person = models.CharField("name and address at the time", max_length=400)
    # Of a program: what its maker stated with the token, or the program said with the request.
    token = models.ForeignKey(ApiToken, models.SET_NULL, null=True, blank=True, related_name="+")
    version = models.CharField("version of the wording", max_length=20)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.person}, {self.at:%Y-%m-%d}"

    @property
    def told(self) -> dict[str, str | None]:
        """As a video keeps it."""
        at = self.at.isoformat(timespec="seconds")
        return {"by": self.person, "at": at, "version": self.version, "token": self.token_id}
