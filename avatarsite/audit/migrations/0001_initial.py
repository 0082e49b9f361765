
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('workspaces', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('actor_kind', models.CharField(choices=[('staff', 'Staff'), ('member', 'Person'), ('token', 'Token'), ('system', 'The service')], max_length=10, verbose_name='kind of actor')),
                ('actor', models.CharField(help_text="The address, or the token's name, as it was then.", max_length=254, verbose_name='who')),
                ('address', models.GenericIPAddressField(blank=True, null=True, verbose_name='from')),
                ('event', models.CharField(max_length=60)),
                ('target', models.CharField(blank=True, max_length=200)),
                ('what', models.CharField(max_length=300)),
                ('why', models.CharField(blank=True, max_length=300)),
                ('shown', models.BooleanField(default=True, verbose_name='the workspace sees it')),
                ('actor_user', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='workspaces.workspace')),
            ],
            options={
                'verbose_name_plural': 'audit entries',
                'indexes': [models.Index(fields=['workspace', '-id'], name='audit_by_workspace'), models.Index(fields=['actor_user', '-id'], name='audit_by_actor'), models.Index(fields=['-at'], name='audit_by_time'), models.Index(fields=['target', '-id'], name='audit_by_target')],
            },
        ),
    ]
