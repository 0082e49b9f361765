from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inbox', '0001_initial'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='inboundevent',
            index=models.Index(condition=models.Q(('handled_at__isnull', True)), fields=['received_at'], name='inbound_event_unhandled'),
        ),
    ]
