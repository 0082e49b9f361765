import avatarsite.workspaces.models
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('email', models.EmailField(max_length=254, unique=True, verbose_name='e-mail address')),
                ('name', models.CharField(blank=True, max_length=120)),
                ('mail_finished', models.BooleanField(default=True, verbose_name='mail about finished videos')),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
                ('mail_endpoint', models.BooleanField(default=True, verbose_name='mail about webhooks that stop')),
                ('mail_summary', models.BooleanField(default=True, verbose_name='mail with a month’s summary')),
            ],
            options={
                'verbose_name': 'user',
                'verbose_name_plural': 'users',
                'abstract': False,
            },
            managers=[
                ('objects', avatarsite.workspaces.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name='Member',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('owner', 'Owner'), ('admin', 'Admin'), ('developer', 'Developer'), ('member', 'Member'), ('billing', 'Billing manager'), ('viewer', 'Viewer')], default='member', max_length=10)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='memberships', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('role__in', ['owner', 'admin', 'developer', 'member', 'billing', 'viewer'])), name='member_role_known')],
            },
        ),
        migrations.CreateModel(
            name='Workspace',
            fields=[
                ('id', models.CharField(default=avatarsite.workspaces.models.workspace_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('slug', models.SlugField(max_length=60, unique=True)),
                ('name', models.CharField(max_length=80)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('suspended_at', models.DateTimeField(blank=True, null=True, verbose_name='suspended or closed at')),
                ('suspended_reason', models.CharField(blank=True, max_length=200, verbose_name='why, as its people read it')),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('members', models.ManyToManyField(related_name='workspaces', through='workspaces.Member', to=settings.AUTH_USER_MODEL)),
                ('closes_at', models.DateTimeField(blank=True, null=True, verbose_name='can be had back until')),
            ],
            options={
                'permissions': [('suspend_workspace', 'Can suspend, resume and close a workspace')],
                'constraints': [models.CheckConstraint(condition=models.Q(('closed_at__isnull', True), ('suspended_at__isnull', False), _connector='OR'), name='workspace_closed_is_suspended'), models.CheckConstraint(condition=models.Q(('closes_at__isnull', True), ('suspended_at__isnull', False), _connector='OR'), name='workspace_closing_is_suspended')],
            },
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254)),
                ('role', models.CharField(choices=[('admin', 'Admin'), ('developer', 'Developer'), ('member', 'Member'), ('billing', 'Billing manager'), ('viewer', 'Viewer')], default='member', max_length=10)),
                ('token_hash', models.CharField(max_length=64, unique=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('sent_at', models.DateTimeField(verbose_name='current link mailed at')),
                ('sends', models.PositiveSmallIntegerField(default=1)),
                ('expires_at', models.DateTimeField()),
                ('accepted_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('invited_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='workspaces.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('accepted_at__isnull', True), ('revoked_at__isnull', True)), fields=('workspace', 'email'), name='invitation_open_once_per_email'), models.CheckConstraint(condition=models.Q(('role__in', ['admin', 'developer', 'member', 'billing', 'viewer'])), name='invitation_role_known')],
            },
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.CharField(default=avatarsite.workspaces.models.token_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=60)),
                ('prefix', models.CharField(max_length=20, verbose_name='token prefix')),
                ('token_hash', models.CharField(max_length=64, unique=True, verbose_name='SHA-256 of the secret')),
                ('scopes', models.JSONField(default=list)),
                ('test', models.BooleanField(default=False, verbose_name='test token')),
                ('lineage', models.CharField(max_length=32)),
                ('monthly_cap_micros', models.BigIntegerField(blank=True, null=True)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('last_used_at', models.DateTimeField(blank=True, null=True, verbose_name='last used at')),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('made_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('replaced_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='workspaces.apitoken')),
                ('maker', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='tokens', to='workspaces.member')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tokens', to='workspaces.workspace')),
                ('ask_above_micros', models.BigIntegerField(blank=True, null=True, verbose_name='asks above (micros)')),
                ('rights', models.CharField(blank=True, max_length=20, verbose_name='rights stated')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', '-id'], name='token_by_workspace')],
                'constraints': [models.CheckConstraint(condition=models.Q(('monthly_cap_micros__isnull', True), ('monthly_cap_micros__gte', 0), _connector='OR'), name='token_cap_not_negative'), models.CheckConstraint(condition=models.Q(('ask_above_micros__isnull', True), ('ask_above_micros__gte', 0), _connector='OR'), name='token_asks_above_not_negative')],
            },
        ),
        migrations.CreateModel(
            name='MailDomain',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=253)),
                ('role', models.CharField(choices=[('developer', 'Developer'), ('member', 'Member'), ('viewer', 'Viewer')], default='member', max_length=10)),
                ('proof', models.CharField(max_length=60, verbose_name='what its record in DNS says')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('checked_at', models.DateTimeField(blank=True, null=True, verbose_name='looked for last')),
                ('proved_at', models.DateTimeField(blank=True, null=True)),
                ('added_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='mail_domains', to='workspaces.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'name'), name='mail_domain_once_per_workspace'), models.UniqueConstraint(condition=models.Q(('proved_at__isnull', False)), fields=('name',), name='mail_domain_proved_once'), models.CheckConstraint(condition=models.Q(('role__in', ['developer', 'member', 'viewer'])), name='mail_domain_role_known')],
            },
        ),
        migrations.CreateModel(
            name='PastMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='workspaces.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'user'), name='past_member_once')],
            },
        ),
        migrations.AddField(
            model_name='member',
            name='workspace',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='workspaces.workspace'),
        ),
        migrations.AddConstraint(
            model_name='member',
            constraint=models.UniqueConstraint(fields=('workspace', 'user'), name='member_once_per_workspace'),
        ),
    ]
