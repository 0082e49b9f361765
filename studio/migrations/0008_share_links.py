
import django.db.models.deletion
import studio.models.sharing
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('studio', '0007_provider_balance'),
        ('workspaces', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ShareLink',
            fields=[
                ('id', models.CharField(default=studio.models.sharing.share_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('password', models.CharField(blank=True, max_length=128, verbose_name='hash of the password')),
                ('allow_download', models.BooleanField(default=False, verbose_name='download allowed')),
                ('embed_origins', models.JSONField(blank=True, default=list, verbose_name='pages that may embed it')),
                ('views', models.PositiveBigIntegerField(default=0)),
                ('last_viewed_at', models.DateTimeField(blank=True, null=True)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('made_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('render', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='shares', to='studio.render')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='workspaces.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['render', '-id'], name='share_by_render')],
            },
        ),
    ]
