
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
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
                ('stamped_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('worker', 'cluster'), name='canary_once_per_cluster')],
            },
        ),
        migrations.CreateModel(
            name='Lease',
            fields=[
                ('task', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('owner', models.CharField(blank=True, max_length=36)),
                ('expires_at', models.DateTimeField()),
                ('handover', models.JSONField(blank=True, default=dict, verbose_name='what the holder leaves to the next')),
            ],
        ),
    ]
