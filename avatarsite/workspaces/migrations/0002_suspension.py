
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('workspaces', '0001_initial'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='workspace',
            options={'permissions': [('suspend_workspace', 'Can suspend, resume and close a workspace')]},
        ),
        migrations.AddField(
            model_name='workspace',
            name='closed_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='workspace',
            name='suspended_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='suspended or closed at'),
        ),
        migrations.AddField(
            model_name='workspace',
            name='suspended_reason',
            field=models.CharField(blank=True, max_length=200, verbose_name='why, as its people read it'),
        ),
        migrations.AddConstraint(
            model_name='workspace',
            constraint=models.CheckConstraint(condition=models.Q(('closed_at__isnull', True), ('suspended_at__isnull', False), _connector='OR'), name='workspace_closed_is_suspended'),
        ),
    ]
