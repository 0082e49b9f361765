from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('studio', '0003_levers'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='providerjob',
            index=models.Index(fields=['provider_job_id'], name='job_by_its_provider'),
        ),
    ]
