from __future__ import annotations

from typing import Any

from allauth.account.admin import EmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.mfa.admin import Authenticator  # registered there, and anew below
from allauth.usersessions.admin import UserSession  # likewise, and not shown
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.db.models import Count, QuerySet
from django.forms.formsets import DELETION_FIELD_NAME
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse

from avatarsite.admin.base import ModelAdmin, TabularInline, Work
from avatarsite.admin.columns import age
from avatarsite.admin.read_only import DeletedAlone, Kept, ReadOnly, customer
from avatarsite.staff import panels  # noqa: F401 -- the page has the platform's own
from avatarsite.staff.customer import acts_for, panels_for
from avatarsite.staff.customer_acts import CustomerActs
from avatarsite.staff.person_acts import PersonActs
from avatarsite.workspaces.domains.domains import remove_for_operator
from avatarsite.workspaces.emails import set_confirmed_email
from avatarsite.workspaces.leaving import cut_to_role, end_access, note_switched
from avatarsite.workspaces.models import ApiToken, Invitation, MailDomain, Member, Role, User, Workspace
from avatarsite.workspaces.tokens import revoke_for_operator

POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")


class NewUserForm(AdminUserCreationForm[User]):
    class Meta:
        model = User
        fields = ("email", "name")


class MembershipInline(Kept, TabularInline[Member, User]):
    model = Member
    extra = 0
    fields = ("workspace", "role", "created_at")
    readonly_fields = fields
    verbose_name_plural = "workspaces"


@admin.register(User)
class UserAdmin(PersonActs, DeletedAlone, DjangoUserAdmin[User], ModelAdmin[User]):
    work = Work.CUSTOMERS
    place = 20
    title = "People"
    ordering = ("email",)
    list_display = (
        "email",
        "name",
        "is_active",
        "is_staff",
        age("date_joined", "joined"),
        age("last_login", "seen"),
    )
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "name")
    readonly_fields = ("date_joined", "last_login")
    filter_horizontal = ()
    add_form = NewUserForm
    inlines = (MembershipInline,)
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("May sign in", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Times", {"fields": ("date_joined", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)

    def get_inlines(self, request: HttpRequest, obj: User | None) -> list[Any]:
        return list(self.inlines) if obj else []

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Who is staff, and what they may do, is a superuser's to say."""
        fixed = tuple(super().get_readonly_fields(request, obj))
        return fixed if request.user.is_superuser else (*fixed, *POWERS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def save_model(self, request: HttpRequest, obj: User, form: forms.ModelForm[User], change: bool) -> None:
        obj.email = obj.email.lower()
        super().save_model(request, obj, form, change)
        if not change or "email" in form.changed_data:
            set_confirmed_email(obj)
        if change and "is_active" in form.changed_data:
            note_switched(obj, by=request.user if isinstance(request.user, User) else None)


def _may_touch(request: HttpRequest, person: User | None) -> bool:
    """A colleague's account is a superuser's to change."""
    return bool(request.user.is_superuser) or person is None or not (person.is_staff or person.is_superuser)


class OwnersFormSet(BaseInlineFormSet[Member, Workspace, forms.ModelForm[Member]]):
    def clean(self) -> None:
        super().clean()
        given = [form.cleaned_data for form in self.forms if form.has_changed() or form.instance.pk]
        if not any(row.get("role") == Role.OWNER and not row.get(DELETION_FIELD_NAME) for row in given):
            raise forms.ValidationError("A workspace has at least one owner. Make somebody the owner.")

    def delete_existing(self, obj: Member, commit: bool = True) -> None:
        if commit:
            end_access(obj, by=None, how="was removed by an operator")
        super().delete_existing(obj, commit=commit)

    def save_existing(self, form: forms.ModelForm[Member], obj: Member, commit: bool = True) -> Member:
        saved = super().save_existing(form, obj, commit=commit)
        if commit and "role" in form.changed_data:
            cut_to_role(saved, by=None, how=f"is {saved.as_role()} now, by an operator")
        return saved


class MemberInline(TabularInline[Member, Workspace]):
    model = Member
    formset = OwnersFormSet
    extra = 0
    autocomplete_fields = ("user",)
    readonly_fields = ("created_at",)


@admin.register(Workspace)
class WorkspaceAdmin(CustomerActs, DeletedAlone, ModelAdmin[Workspace]):
    work = Work.CUSTOMERS
    place = 10
    list_display = ("name", "slug", "people", age())
    search_fields = ("name", "slug", "id", "memberships__user__email")
    fields = ("id", "name", "slug", "created_at", "suspended_at", "suspended_reason", "closes_at", "closed_at")
    readonly_fields = ("id", "created_at", "suspended_at", "suspended_reason", "closes_at", "closed_at")
    inlines = (MemberInline,)
    date_hierarchy = "created_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workspace]:
        found: QuerySet[Workspace] = super().get_queryset(request)
        return found.annotate(member_count=Count("memberships", distinct=True))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        workspace = self.get_object(request, object_id)
        more = {"acts": acts_for(request, workspace), "panels": panels_for(request, workspace)} if workspace else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    @admin.display(ordering="member_count")
    def people(self, workspace: Any) -> int:
        count: int = workspace.member_count
        return count


@admin.register(Invitation)
class InvitationAdmin(ModelAdmin[Invitation]):
    work = Work.CUSTOMERS
    place = 40
    list_display = (
        *("email", "workspace", "role", "invited_by", age("sent_at", "sent")),
        *(age("accepted_at", "accepted"), age("revoked_at", "revoked")),
    )
    search_fields = ("email", *customer())
    list_select_related = ("workspace", "invited_by")
    fields = (
        *("email", "workspace", "role", "invited_by", "sent_at", "expires_at", "accepted_at", "revoked_at"),
        *("sends", "created_at"),
    )
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(MailDomain)
class MailDomainAdmin(ModelAdmin[MailDomain]):
    work = Work.CUSTOMERS
    place = 45
    list_display = (
        *("name", "workspace", "role", "added_by", age()),
        *(age("checked_at", "looked for"), age("proved_at", "proved")),
    )
    list_filter = (("proved_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", *customer())
    list_select_related = ("workspace", "added_by")
    fields = ("name", "workspace", "role", "proof", "added_by", "created_at", "checked_at", "proved_at")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: MailDomain) -> None:
        remove_for_operator(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[MailDomain]) -> None:
        for domain in queryset:
            remove_for_operator(domain)


@admin.register(ApiToken)
class ApiTokenAdmin(Kept, ModelAdmin[ApiToken]):
    work = Work.CUSTOMERS
    place = 30
    list_display = (
        *("name", "prefix", "workspace", "made_by", "test"),
        *(age("last_used_at", "last used"), age("revoked_at", "revoked"), age()),
    )
    list_filter = ("test",)
    search_fields = ("id", "name", "prefix", "made_by__email", *customer())
    list_select_related = ("workspace", "made_by")
    fields = (
        *("id", "name", "prefix", "workspace", "made_by", "test", "last_used_at", "expires_at", "revoked_at"),
        *("scopes", "monthly_cap_micros", "replaced_by", "created_at"),
    )
    readonly_fields = fields
    actions = ("revoke",)

    @admin.action(description="Revoke the chosen tokens", permissions=["change"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        for token in tokens:
            revoke_for_operator(token)


admin.site.unregister(Authenticator)
admin.site.unregister(UserSession)  # its page would show keys that sign in as their owners


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnly, ModelAdmin[Authenticator]):
    """Who signs in with what besides a password; what proves it is nobody's to see."""

    title = "Second factors"
    list_display = ("user", "type", age(), age("last_used_at", "last used"))
    list_filter = ("type",)
    search_fields = ("user__email", "user__name")
    list_select_related = ("user",)
    fields = ("user", "type", "created_at", "last_used_at")


class AddressAdmin(EmailAddressAdmin):  # type: ignore[misc]
    """allauth's, whose action lets whoever may look confirm an address."""

    work = Work.CUSTOMERS
    place = 25

    @admin.action(description="Mark selected email addresses as verified", permissions=["change"])
    def make_verified(self, request: HttpRequest, queryset: QuerySet[EmailAddress]) -> None:
        super().make_verified(request, queryset)


admin.site.unregister(EmailAddress)
admin.site.register(EmailAddress, AddressAdmin)
