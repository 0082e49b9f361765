from __future__ import annotations

from django.urls import path

from avatarsite.workspaces.views import audit, domains, home, invitation, sessions, settings, team, tokens

# Below /w/<slug>/.
urlpatterns = [
    path("switch/", home.switch, name="workspace_switch"),
    path("settings/", settings.workspace_settings, name="workspace_settings"),
    path("team/", team.team, name="team"),
    path("team/audit/", audit.audit, name="audit"),
    path("team/audit/file.csv", audit.audit_file, name="audit_file"),
    path("team/domains/", domains.domains, name="domains"),
    path("team/domains/<int:row>/prove/", domains.prove, name="domain_prove"),
    path("team/domains/<int:row>/role/", domains.change_role, name="domain_role"),
    path("team/domains/<int:row>/remove/", domains.remove, name="domain_remove"),
    path("team/leave/", team.leave, name="team_leave"),
    path("team/members/<int:row>/role/", team.change_role, name="member_role"),
    path("developers/", tokens.developers, name="developers"),
    path("developers/tokens/<slug:token>/rotate/", tokens.rotate, name="token_rotate"),
    path("developers/tokens/<slug:token>/revoke/", tokens.revoke, name="token_revoke"),
    path("developers/tokens/<slug:token>/ask/", tokens.ask, name="token_ask"),
    path("developers/tokens/<slug:token>/rights/", tokens.rights, name="token_rights"),
    path("developers/tokens/<slug:token>/take-over/", tokens.take_over, name="token_take_over"),
    path("team/members/<int:row>/remove/", team.remove, name="member_remove"),
    path("team/members/<int:row>/hand-over/", team.hand_over, name="member_hand_over"),
    path("team/invitations/<int:row>/resend/", team.resend, name="invitation_resend"),
    path("team/invitations/<int:row>/revoke/", team.revoke, name="invitation_revoke"),
]

# Of a person, or of somebody who isn't here yet.
site_urlpatterns = [
    path("me/", home.profile, name="profile"),
    path("me/sessions/<int:session>/end/", sessions.end, name="session_end"),
    path("mail/no-more/<str:token>/", home.mail_no_more, name="mail_no_more"),
    path("workspaces/new/", home.new_workspace, name="workspace_new"),
    path("invitation/", invitation.invitation, name="invitation"),
    path("invitation/sign-out/", invitation.as_somebody_else, name="invitation_sign_out"),
    path("invitations/<str:token>/", invitation.link, name="invitation_link"),
]
