from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('site', '0003_levers'),
    ]

    operations = [
        migrations.CreateModel(
            name='QueueSilence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateTimeField()),
                ('told_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
    ]
