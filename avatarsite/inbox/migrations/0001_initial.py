
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='InboundEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('next_try_at', models.DateTimeField(blank=True, null=True)),
                ('source', models.CharField(max_length=20)),
                ('event_id', models.CharField(max_length=200, verbose_name='event id, or a digest of the body')),
                ('headers', models.JSONField(default=dict)),
                ('query', models.JSONField(default=dict)),
                ('body', models.BinaryField()),
                ('address', models.GenericIPAddressField(blank=True, null=True, verbose_name='IP address')),
                ('signature_status', models.CharField(choices=[('unchecked', 'Not checked yet'), ('valid', 'Valid'), ('invalid', 'Invalid')], default='unchecked', max_length=10)),
                ('received_at', models.DateTimeField(auto_now_add=True)),
                ('deliveries', models.PositiveIntegerField(default=1, verbose_name='deliveries')),
                ('handled_at', models.DateTimeField(blank=True, null=True)),
                ('outcome', models.TextField(blank=True, verbose_name='outcome or error')),
            ],
            options={
                'verbose_name': 'incoming webhook',
                'indexes': [models.Index(condition=models.Q(('next_try_at__isnull', False)), fields=['next_try_at'], name='inbound_event_due'), models.Index(condition=models.Q(('handled_at__isnull', True)), fields=['received_at'], name='inbound_event_unhandled'), models.Index(fields=['-received_at'], name='inbound_event_by_time'), models.Index(condition=models.Q(('signature_status', 'valid'), _negated=True), fields=['address', 'received_at'], name='inbound_event_unproven')],
                'constraints': [models.UniqueConstraint(fields=('source', 'event_id'), name='inbound_event_stored_once')],
            },
        ),
    ]
