import avatarsite.outbox.models
import django.core.serializers.json
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('workspaces', '0001_initial'),
        ('workspaces', '__first__'),
    ]

    operations = [
        migrations.CreateModel(
            name='Stream',
            fields=[
                ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='workspaces.workspace')),
                ('last_number', models.PositiveBigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='Endpoint',
            fields=[
                ('id', models.CharField(default=avatarsite.outbox.models.endpoint_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('url', models.CharField(max_length=2000)),
                ('description', models.CharField(blank=True, max_length=120)),
                ('kinds', models.JSONField(default=list)),
                ('secret', models.TextField(verbose_name='secret (encrypted)')),
                ('old_secret', models.TextField(blank=True, verbose_name='previous secret (encrypted)')),
                ('old_secret_until', models.DateTimeField(blank=True, null=True)),
                ('state', models.CharField(choices=[('active', 'Active'), ('paused', 'Paused'), ('disabled', 'Disabled')], default='active', max_length=10)),
                ('why', models.CharField(blank=True, max_length=200, verbose_name='reason for the state')),
                ('last_sequence', models.PositiveBigIntegerField(default=0)),
                ('failures', models.PositiveIntegerField(default=0, verbose_name='failures in a row')),
                ('dark_since', models.DateTimeField(blank=True, null=True, verbose_name='failing since')),
                ('rest_until', models.DateTimeField(blank=True, null=True, verbose_name='paused until')),
                ('served_at', models.DateTimeField(blank=True, null=True, verbose_name='last served at')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('made_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='webhook_endpoints', to='workspaces.workspace')),
                ('of_requests', models.BooleanField(default=False, verbose_name='of single requests')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', '-id'], name='endpoint_by_workspace')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['active', 'paused', 'disabled'])), name='endpoint_state_known'), models.UniqueConstraint(condition=models.Q(('of_requests', True)), fields=('workspace', 'url'), name='endpoint_once_per_host')],
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('row', models.BigAutoField(primary_key=True, serialize=False)),
                ('id', models.CharField(default=avatarsite.outbox.models.event_id, editable=False, max_length=32, unique=True)),
                ('kind', models.CharField(max_length=40)),
                ('subject', models.CharField(max_length=80, verbose_name='subject, such as render:rnd_…')),
                ('data', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('number', models.PositiveBigIntegerField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='events', to='workspaces.workspace')),
                ('also_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='own_events', to='outbox.endpoint')),
                ('also_to', models.CharField(blank=True, max_length=2000, verbose_name='also told')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('number', None)), fields=['workspace', 'row'], name='event_unnumbered'), models.Index(fields=['created_at'], name='event_by_age')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'number'), name='event_numbered_once')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('next_try_at', models.DateTimeField(blank=True, null=True)),
                ('id', models.CharField(default=avatarsite.outbox.models.delivery_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('sequence', models.PositiveBigIntegerField(verbose_name='sequence number')),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('delivered', 'Delivered'), ('failed', 'Given up')], default='waiting', max_length=10)),
                ('since', models.DateTimeField(default=django.utils.timezone.now, verbose_name='tries counted since')),
                ('leased_until', models.DateTimeField(blank=True, null=True)),
                ('answer_code', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('answer', models.TextField(blank=True, verbose_name='response body or error')),
                ('answered_at', models.DateTimeField(blank=True, null=True)),
                ('delivered_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('endpoint', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='outbox.endpoint')),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='outbox.event')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'indexes': [models.Index(condition=models.Q(('next_try_at__isnull', False)), fields=['endpoint', 'next_try_at'], name='webhook_delivery_due')],
                'constraints': [models.UniqueConstraint(fields=('endpoint', 'event'), name='delivery_once_per_event'), models.UniqueConstraint(fields=('endpoint', 'sequence'), name='delivery_numbered_once'), models.CheckConstraint(condition=models.Q(('state__in', ['waiting', 'delivered', 'failed'])), name='webhook_delivery_state')],
            },
        ),
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('code', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('answer', models.TextField(blank=True, verbose_name='response body or error')),
                ('took_ms', models.PositiveIntegerField(default=0)),
                ('delivery', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='outbox.delivery')),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='RequestSigning',
            fields=[
                ('secret', models.TextField(verbose_name='secret (encrypted)')),
                ('old_secret', models.TextField(blank=True, verbose_name='previous secret (encrypted)')),
                ('old_secret_until', models.DateTimeField(blank=True, null=True)),
                ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='workspaces.workspace')),
            ],
            options={
                'abstract': False,
            },
        ),
    ]
