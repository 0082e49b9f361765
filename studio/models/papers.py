from __future__ import annotations

from django.db import models

from studio.models.renders import Render


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
