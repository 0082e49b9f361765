
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('studio', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='upload',
            name='script',
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name='upload',
            name='sentences',
            field=models.JSONField(blank=True, default=list, verbose_name='times of the sentences'),
        ),
    ]
