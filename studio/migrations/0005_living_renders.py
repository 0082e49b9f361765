from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0003_desk'),
        ('studio', '0004_job_by_its_provider'),
        ('workspaces', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name='render',
            index=models.Index(condition=models.Q(('deadline_at__isnull', False)), fields=['state', 'state_since'], name='render_living'),
        ),
    ]
