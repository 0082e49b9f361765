from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("studio", "0005_notices"),
    ]

    operations = [
        migrations.AddField(
            model_name="watchlease",
            name="paces",
            field=models.JSONField(blank=True, default=dict, verbose_name="providers that are asked more slowly for now"),
        ),
    ]
