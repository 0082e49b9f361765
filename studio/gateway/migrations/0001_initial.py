import django.db.models.deletion
import studio.gateway.models
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('studio', '0001_initial'),
        ('workspaces', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='GatewayRequest',
            fields=[
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('next_try_at', models.DateTimeField(blank=True, null=True)),
                ('id', models.CharField(default=studio.gateway.models.request_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('protocol', models.CharField(choices=[('runware', 'Runware'), ('fal', 'fal'), ('aimlapi', 'AI/ML API')], max_length=10)),
                ('reference', models.CharField(max_length=128, verbose_name='client-visible id')),
                ('model', models.CharField(max_length=120, verbose_name='model name in the request')),
                ('body', models.JSONField(default=dict, verbose_name='request body without inline files')),
                ('params', models.JSONField(default=dict)),
                ('webhook_url', models.TextField(blank=True, verbose_name='webhook URL')),
                ('webhook_pending', models.BooleanField(default=False, verbose_name='webhook pending')),
                ('client_reference', models.CharField(blank=True, max_length=128, verbose_name='client reference')),
                ('session', models.UUIDField(editable=False, null=True, verbose_name='session')),
                ('state', models.CharField(choices=[('fetching', 'Fetching its media'), ('submitted', 'Asked of the pipeline'), ('refused', 'Rejected'), ('cancelled', 'Cancelled before it was asked')], default='fetching', max_length=10)),
                ('start_by', models.DateTimeField(blank=True, null=True, verbose_name='start deadline')),
                ('error', models.JSONField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('portrait', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='studio.upload')),
                ('render', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='studio.render')),
                ('token', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='workspaces.apitoken')),
                ('voice', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='studio.upload')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='workspaces.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', 'protocol', '-id'], name='gateway_by_workspace'), models.Index(condition=models.Q(('next_try_at__isnull', False)), fields=['next_try_at'], name='gateway_request_due'), models.Index(condition=models.Q(('webhook_pending', True)), fields=['id'], name='gateway_webhook_pending'), models.Index(condition=models.Q(('session__isnull', False)), fields=['session'], name='gateway_by_session'), models.Index(condition=models.Q(('start_by__isnull', False)), fields=['start_by'], name='gateway_start_by')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'protocol', 'reference'), name='gateway_reference_once')],
            },
        ),
        migrations.CreateModel(
            name='GatewayWebhook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('next_try_at', models.DateTimeField(blank=True, null=True)),
                ('key', models.CharField(max_length=80, unique=True)),
                ('state', models.CharField(choices=[('waiting', 'On its way'), ('delivered', 'Delivered'), ('given_up', 'Given up')], default='waiting', max_length=10)),
                ('last_answer', models.CharField(blank=True, max_length=300, verbose_name='last response')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('render', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='studio.render')),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='webhooks', to='gateway.gatewayrequest')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('next_try_at__isnull', False)), fields=['next_try_at'], name='gateway_webhook_due')],
            },
        ),
        migrations.CreateModel(
            name='GatewayFile',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('content_type', models.CharField(max_length=100, verbose_name='declared content type')),
                ('file', models.FileField(blank=True, max_length=200, null=True, upload_to='')),
                ('bytes', models.PositiveBigIntegerField(blank=True, null=True)),
                ('expires_at', models.DateTimeField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('token', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='workspaces.apitoken')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='workspaces.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['expires_at'], name='gateway_file_expires')],
            },
        ),
    ]
