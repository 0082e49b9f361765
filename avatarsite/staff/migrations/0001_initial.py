
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('workspaces', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='StaffNote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField(max_length=2000)),
                ('token', models.UUIDField(editable=False, unique=True, verbose_name='of the form, so that one sent twice is one note')),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='staff_notes', to='workspaces.workspace')),
            ],
            options={
                'permissions': [('view_as_customer', 'Can look at the dashboard as a customer')],
                'default_permissions': ('add', 'view'),
                'indexes': [models.Index(fields=['workspace', '-id'], name='note_by_workspace')],
            },
        ),
    ]
