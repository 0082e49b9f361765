
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('site', '0002_queue_index'),
    ]

    operations = [
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
