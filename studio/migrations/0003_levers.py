
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('studio', '0002_desk'),
        ('workspaces', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='UsualRouting',
            fields=[
                ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='workspaces.workspace')),
                ('routing', models.CharField(default='cheapest', max_length=120)),
                ('fallback', models.BooleanField(default=True, verbose_name='may fall over to other providers')),
                ('reason', models.CharField(max_length=150)),
            ],
            options={
                'verbose_name_plural': 'usual routing',
            },
        ),
        migrations.AddField(
            model_name='offerhealth',
            name='off_sale_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='taken off sale at'),
        ),
        migrations.AddField(
            model_name='offerhealth',
            name='off_sale_reason',
            field=models.CharField(blank=True, max_length=150, verbose_name='reason for taking it off sale'),
        ),
    ]
