from __future__ import annotations

from django.urls import path

from avatarsite.staff.view_as import END, End

urlpatterns = [path("view-as/end/", End.as_view(), name=END)]
