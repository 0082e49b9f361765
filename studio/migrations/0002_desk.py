from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('studio', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='OfferDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('offer', models.CharField(max_length=120)),
                ('videos', models.PositiveIntegerField(default=0)),
                ('revenue_micros', models.BigIntegerField(default=0, verbose_name='charged and not given back')),
                ('cost_micros', models.BigIntegerField(default=0, verbose_name='owed to the provider')),
                ('ended', models.PositiveIntegerField(default=0, verbose_name='jobs that were done or failed')),
                ('done', models.PositiveIntegerField(default=0, verbose_name='jobs that were done')),
                ('counted_at', models.DateTimeField()),
            ],
        ),
        migrations.AddIndex(
            model_name='providerjob',
            index=models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['finished_at'], name='job_ended_by_time'),
        ),
        migrations.AddConstraint(
            model_name='offerday',
            constraint=models.UniqueConstraint(fields=('day', 'offer'), name='offer_day_once'),
        ),
    ]
