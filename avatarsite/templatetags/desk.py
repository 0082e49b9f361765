from __future__ import annotations

from datetime import datetime

from django import template

from avatarsite.desk import age_of

register = template.Library()


@register.filter
def age(moment: datetime) -> str:
    return age_of(moment)
