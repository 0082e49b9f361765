
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='LegalText',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('page', models.CharField(choices=[('terms', 'Terms'), ('privacy', 'Privacy'), ('imprint', 'Imprint')], max_length=10)),
                ('body', models.TextField(help_text='Markdown. What stands in brackets as <…> in a draft is yours to fill in.')),
                ('published_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'indexes': [models.Index(fields=['page', '-id'], name='legal_text_by_page')],
            },
        ),
        migrations.CreateModel(
            name='Acceptance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('page', models.CharField(choices=[('terms', 'Terms'), ('privacy', 'Privacy'), ('imprint', 'Imprint')], max_length=10)),
                ('digest', models.CharField(max_length=64, verbose_name='SHA-256 of the wording')),
                ('address', models.GenericIPAddressField(blank=True, null=True, verbose_name='from')),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='acceptances', to=settings.AUTH_USER_MODEL)),
                ('text', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='legal.legaltext')),
            ],
        ),
    ]
