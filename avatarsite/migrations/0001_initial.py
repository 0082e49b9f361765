
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Lease',
            fields=[
                ('task', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('owner', models.CharField(blank=True, max_length=36)),
                ('expires_at', models.DateTimeField()),
                ('handover', models.JSONField(blank=True, default=dict, verbose_name='what the holder leaves to the next')),
            ],
        ),
        migrations.CreateModel(
            name='QueueSilence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateTimeField()),
                ('told_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=40)),
                ('key', models.CharField(max_length=200, verbose_name='subject key')),
                ('message', models.TextField()),
                ('detail', models.JSONField(blank=True, default=dict)),
                ('count', models.PositiveIntegerField(default=1)),
                ('first_at', models.DateTimeField(auto_now_add=True)),
                ('last_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['-last_at'], name='alert_by_time')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('closed_at__isnull', True)), fields=('kind', 'key'), name='alert_open_once')],
            },
        ),
        migrations.CreateModel(
            name='BusyWorker',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('worker', models.CharField(max_length=40)),
                ('cluster', models.CharField(max_length=40)),
                ('pid', models.PositiveIntegerField()),
                ('until', models.DateTimeField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('worker', 'pid'), name='busy_worker_once')],
            },
        ),
        migrations.CreateModel(
            name='Canary',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('worker', models.CharField(max_length=40)),
                ('cluster', models.CharField(max_length=40)),
                ('clock', models.CharField(default='', max_length=40)),
                ('stamped_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('worker', 'cluster'), name='canary_once_per_cluster')],
            },
        ),
        migrations.CreateModel(
            name='ServiceNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.CharField(help_text='What customers read: what is the matter, and what they can do.', max_length=300)),
                ('level', models.CharField(choices=[('info', 'For information'), ('warning', 'Something is slow or away')], default='info', max_length=10)),
                ('starts_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ends_at', models.DateTimeField(blank=True, help_text='Empty: until you say so.', null=True)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('ends_at__isnull', True), ('ends_at__gt', models.F('starts_at')), _connector='OR'), name='service_notice_ends_after_its_start', violation_error_message='It ends before it starts. Choose a later end.')],
            },
        ),
    ]
