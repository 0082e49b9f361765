
import django.db.models.deletion
import studio.models.jobs
import studio.models.projects
import studio.models.renders
import studio.models.uploads
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('billing', '0001_initial'),
        ('workspaces', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='OfferHealth',
            fields=[
                ('offer', models.CharField(max_length=120, primary_key=True, serialize=False)),
                ('failures', models.PositiveIntegerField(default=0, verbose_name='failures in a row')),
                ('open_until', models.DateTimeField(blank=True, null=True)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('turned_at', models.DateTimeField(blank=True, null=True, verbose_name='circuit changed at')),
                ('failed_at', models.DateTimeField(blank=True, null=True, verbose_name='last failure asked at')),
                ('off_sale_at', models.DateTimeField(blank=True, null=True, verbose_name='taken off sale at')),
                ('off_sale_reason', models.CharField(blank=True, max_length=150, verbose_name='reason for taking it off sale')),
                ('changed_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'verbose_name_plural': 'offer health',
            },
        ),
        migrations.CreateModel(
            name='StorageUse',
            fields=[
                ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='workspaces.workspace')),
                ('bytes', models.PositiveBigIntegerField(default=0)),
                ('quota_gb', models.PositiveIntegerField(blank=True, help_text='Empty for what STORAGE_QUOTA_GB says; 0 for no limit.', null=True, verbose_name='quota in GB')),
                ('quota_reason', models.CharField(blank=True, max_length=150, verbose_name='reason for the quota')),
                ('minute', models.PositiveBigIntegerField(default=0)),
                ('minute_bytes', models.PositiveBigIntegerField(default=0)),
            ],
            options={
                'verbose_name': 'storage',
                'verbose_name_plural': 'storage',
            },
        ),
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
            options={
                'constraints': [models.UniqueConstraint(fields=('day', 'offer'), name='offer_day_once')],
            },
        ),
        migrations.CreateModel(
            name='Project',
            fields=[
                ('id', models.CharField(default=studio.models.projects.project_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80)),
                ('defaults', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('archived_at', models.DateTimeField(blank=True, null=True)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='projects', to='workspaces.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='Render',
            fields=[
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('next_try_at', models.DateTimeField(blank=True, null=True)),
                ('id', models.CharField(default=studio.models.renders.render_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('notify', models.BooleanField(default=True, verbose_name='mail when it ends')),
                ('test', models.BooleanField(default=False, help_text='Asked for with a test token: a draft, and no money moves.', verbose_name='test')),
                ('idempotency_key', models.CharField(blank=True, max_length=200, null=True)),
                ('reference', models.CharField(blank=True, max_length=200, verbose_name="customer's reference")),
                ('metadata', models.JSONField(blank=True, default=dict, verbose_name="customer's metadata")),
                ('title', models.CharField(max_length=120)),
                ('take', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='take number')),
                ('model', models.CharField(max_length=60)),
                ('offer', models.CharField(max_length=120)),
                ('prompt', models.TextField(blank=True, max_length=2500)),
                ('options', models.JSONField(blank=True, default=dict)),
                ('routing', models.CharField(default='cheapest', max_length=120)),
                ('fallback', models.BooleanField(default=True, verbose_name='fallback allowed')),
                ('why', models.CharField(blank=True, max_length=200, verbose_name='reason for the offer')),
                ('fallbacks', models.JSONField(blank=True, default=list)),
                ('ceiling_ms', models.PositiveIntegerField(verbose_name='maximum billed length (ms)')),
                ('ceiling_micros', models.BigIntegerField(verbose_name='maximum charge (micros)')),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('submitting', 'Sending'), ('rendering', 'Rendering'), ('ingesting', 'Copying'), ('ready', 'Ready'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=12)),
                ('state_since', models.DateTimeField()),
                ('deadline_at', models.DateTimeField(blank=True, null=True, verbose_name='overdue at')),
                ('cancel_requested_at', models.DateTimeField(blank=True, null=True)),
                ('video', models.FileField(blank=True, max_length=200, null=True, upload_to='')),
                ('poster', models.FileField(blank=True, max_length=200, null=True, upload_to='')),
                ('video_bytes', models.PositiveBigIntegerField(blank=True, null=True)),
                ('video_sha256', models.CharField(blank=True, max_length=64)),
                ('measured_ms', models.PositiveIntegerField(blank=True, null=True, verbose_name='measured length (ms)')),
                ('width', models.PositiveIntegerField(blank=True, null=True)),
                ('height', models.PositiveIntegerField(blank=True, null=True)),
                ('seed', models.PositiveBigIntegerField(blank=True, null=True)),
                ('nsfw_content', models.BooleanField(blank=True, null=True, verbose_name='NSFW content')),
                ('delete_at', models.DateTimeField(blank=True, null=True, verbose_name='delete files at')),
                ('files_deleted_at', models.DateTimeField(blank=True, null=True)),
                ('charge_micros', models.BigIntegerField(blank=True, null=True)),
                ('returned_micros', models.BigIntegerField(default=0, verbose_name='returned charge (micros)')),
                ('returned_at', models.DateTimeField(blank=True, null=True, verbose_name='charge returned at')),
                ('returned_reason', models.CharField(blank=True, max_length=150, verbose_name='reason for the return')),
                ('failure_code', models.CharField(blank=True, max_length=60)),
                ('failure_message', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('hold', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.hold')),
                ('price', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.price')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='renders', to='studio.project')),
                ('requested_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('token', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='workspaces.apitoken')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='renders', to='workspaces.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='RenderEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('from_state', models.CharField(blank=True, max_length=12)),
                ('to_state', models.CharField(max_length=12)),
                ('reason', models.CharField(max_length=200)),
                ('detail', models.JSONField(blank=True, default=dict)),
                ('at', models.DateTimeField()),
                ('render', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='events', to='studio.render')),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='RenderGroup',
            fields=[
                ('id', models.CharField(default=studio.models.renders.group_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('is_batch', models.BooleanField(default=False, help_text='Several requests, rather than takes of one.', verbose_name='batch')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='render_groups', to='workspaces.workspace')),
            ],
        ),
        migrations.AddField(
            model_name='render',
            name='group',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='renders', to='studio.rendergroup'),
        ),
        migrations.CreateModel(
            name='StoredFile',
            fields=[
                ('name', models.CharField(max_length=200, primary_key=True, serialize=False, verbose_name='storage name')),
                ('kind', models.CharField(choices=[('upload', 'Portrait or voice'), ('copy', 'Copy for providers'), ('thumbnail', 'Thumbnail'), ('video', 'Video'), ('poster', 'Poster'), ('slot', 'Sent to a slot'), ('gateway', 'Put here by a client'), ('part', 'Part of a client’s file')], max_length=10)),
                ('state', models.CharField(choices=[('coming', 'Coming: nothing names it yet'), ('kept', 'Kept'), ('leaving', 'Leaving: nothing names it any more')], default='coming', max_length=10)),
                ('bytes', models.PositiveBigIntegerField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('touched_at', models.DateTimeField(verbose_name='last written at')),
                ('workspace', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='workspaces.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='Turn',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider', models.CharField(max_length=40)),
                ('taken_at', models.DateTimeField()),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='workspaces.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='Upload',
            fields=[
                ('id', models.CharField(default=studio.models.uploads.upload_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('portrait', 'Portrait'), ('voice', 'Voice')], max_length=10)),
                ('name', models.CharField(max_length=200, verbose_name='file name')),
                ('sha256', models.CharField(max_length=64, verbose_name='SHA-256')),
                ('file', models.FileField(max_length=200, upload_to='')),
                ('content_type', models.CharField(max_length=60)),
                ('bytes', models.PositiveBigIntegerField(verbose_name='size in bytes')),
                ('width', models.PositiveIntegerField(blank=True, null=True)),
                ('height', models.PositiveIntegerField(blank=True, null=True)),
                ('duration_ms', models.PositiveIntegerField(blank=True, null=True, verbose_name='length (ms)')),
                ('details', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='uploads', to='workspaces.workspace')),
            ],
        ),
        migrations.AddField(
            model_name='render',
            name='portrait',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='studio.upload'),
        ),
        migrations.AddField(
            model_name='render',
            name='voice',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='studio.upload'),
        ),
        migrations.AddField(
            model_name='project',
            name='portrait',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='studio.upload'),
        ),
        migrations.CreateModel(
            name='UploadSlot',
            fields=[
                ('id', models.CharField(default=studio.models.uploads.slot_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('portrait', 'Portrait'), ('voice', 'Voice')], max_length=10)),
                ('name', models.CharField(max_length=200, verbose_name='file name')),
                ('file', models.CharField(max_length=200, verbose_name='storage name')),
                ('bytes', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='announced size in bytes')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField(db_index=True)),
                ('made_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('token', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='workspaces.apitoken')),
                ('upload', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='studio.upload')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='workspaces.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='ProviderJob',
            fields=[
                ('id', models.CharField(default=studio.models.jobs.job_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('attempt', models.PositiveSmallIntegerField()),
                ('offer', models.CharField(max_length=120)),
                ('reference', models.CharField(default=studio.models.jobs.job_reference, max_length=36, unique=True)),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('outcome', models.CharField(choices=[('pending', 'Not answered yet'), ('accepted', 'Accepted'), ('rejected', 'Rejected'), ('unknown', 'Unknown')], default='pending', max_length=10)),
                ('status', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled'), ('unknown', 'Unknown')], default='unknown', max_length=10)),
                ('provider_job_id', models.CharField(blank=True, max_length=200)),
                ('handle', models.JSONField(blank=True, default=dict, verbose_name='adapter handle')),
                ('progress', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='progress (%)')),
                ('queue_position', models.PositiveIntegerField(blank=True, null=True)),
                ('result_url', models.TextField(blank=True)),
                ('reported_ms', models.PositiveBigIntegerField(blank=True, null=True)),
                ('reported_cost_micros', models.BigIntegerField(blank=True, null=True)),
                ('failure_code', models.CharField(blank=True, max_length=60)),
                ('failure_message', models.TextField(blank=True)),
                ('raw', models.JSONField(blank=True, default=dict, verbose_name='last answer')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('accepted_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('next_check_at', models.DateTimeField(blank=True, null=True)),
                ('render', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='jobs', to='studio.render')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('next_check_at__isnull', False)), fields=['next_check_at'], name='job_check_due'), models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['offer', '-finished_at'], name='job_ended_by_offer'), models.Index(fields=['provider_job_id'], name='job_by_its_provider'), models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['finished_at'], name='job_ended_by_time')],
                'constraints': [models.UniqueConstraint(fields=('render', 'attempt'), name='job_attempt_once')],
            },
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('next_try_at', models.DateTimeField(blank=True, null=True)),
                ('url', models.TextField(verbose_name='address')),
                ('state', models.CharField(choices=[('waiting', 'On its way'), ('delivered', 'Delivered'), ('given_up', 'Given up')], default='waiting', max_length=10)),
                ('last_status', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='last HTTP status')),
                ('last_answer', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('render', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='delivery', to='studio.render')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'indexes': [models.Index(condition=models.Q(('next_try_at__isnull', False)), fields=['next_try_at'], name='delivery_due')],
            },
        ),
        migrations.AddIndex(
            model_name='rendergroup',
            index=models.Index(condition=models.Q(('is_batch', True)), fields=['workspace', '-id'], name='batch_by_workspace'),
        ),
        migrations.AddIndex(
            model_name='storedfile',
            index=models.Index(condition=models.Q(models.Q(('state', 'kept'), _negated=True), ('workspace', None), _connector='OR'), fields=['touched_at'], name='stored_file_to_sweep'),
        ),
        migrations.AddConstraint(
            model_name='turn',
            constraint=models.UniqueConstraint(fields=('workspace', 'provider'), name='turn_once'),
        ),
        migrations.AddIndex(
            model_name='upload',
            index=models.Index(fields=['workspace', 'kind', '-id'], name='upload_by_workspace'),
        ),
        migrations.AddConstraint(
            model_name='upload',
            constraint=models.UniqueConstraint(fields=('workspace', 'kind', 'sha256'), name='upload_bytes_once'),
        ),
        migrations.AddConstraint(
            model_name='upload',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('height__isnull', False), ('kind', 'portrait'), ('width__isnull', False)), models.Q(('duration_ms__isnull', False), ('kind', 'voice')), _connector='OR'), name='upload_was_measured'),
        ),
        migrations.AddIndex(
            model_name='render',
            index=models.Index(fields=['workspace', '-id'], name='render_by_workspace'),
        ),
        migrations.AddIndex(
            model_name='render',
            index=models.Index(fields=['project', '-id'], name='render_by_project'),
        ),
        migrations.AddIndex(
            model_name='render',
            index=models.Index(condition=models.Q(('reference', ''), _negated=True), fields=['workspace', 'reference'], name='render_by_reference'),
        ),
        migrations.AddIndex(
            model_name='render',
            index=models.Index(condition=models.Q(('next_try_at__isnull', False)), fields=['next_try_at'], name='render_due'),
        ),
        migrations.AddIndex(
            model_name='render',
            index=models.Index(condition=models.Q(('deadline_at__isnull', False)), fields=['deadline_at'], name='render_overdue'),
        ),
        migrations.AddIndex(
            model_name='render',
            index=models.Index(condition=models.Q(('deadline_at__isnull', False)), fields=['state', 'state_since'], name='render_living'),
        ),
        migrations.AddIndex(
            model_name='render',
            index=models.Index(condition=models.Q(('next_try_at__isnull', False)), fields=['workspace'], name='render_waiting'),
        ),
        migrations.AddIndex(
            model_name='render',
            index=models.Index(condition=models.Q(('ceiling_micros', 0)), fields=['workspace', 'created_at'], name='render_free'),
        ),
        migrations.AddIndex(
            model_name='render',
            index=models.Index(condition=models.Q(('delete_at__isnull', False)), fields=['delete_at'], name='render_to_delete'),
        ),
        migrations.AddConstraint(
            model_name='render',
            constraint=models.UniqueConstraint(fields=('workspace', 'idempotency_key'), name='render_asked_once'),
        ),
        migrations.AddConstraint(
            model_name='render',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['queued', 'submitting', 'rendering', 'ingesting', 'ready', 'failed', 'cancelled'])), name='render_state_known'),
        ),
        migrations.AddConstraint(
            model_name='render',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'ready'), _negated=True), models.Q(('charge_micros__isnull', False), ('measured_ms__isnull', False), ('video__isnull', False)), _connector='OR'), name='render_ready_means_charged'),
        ),
        migrations.AddConstraint(
            model_name='render',
            constraint=models.CheckConstraint(condition=models.Q(('charge_micros__isnull', True), models.Q(('charge_micros__gte', 0), ('charge_micros__lte', models.F('ceiling_micros'))), _connector='OR'), name='render_charge_under_ceiling'),
        ),
        migrations.AddConstraint(
            model_name='render',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('returned_at__isnull', True), ('returned_micros', 0)), models.Q(('returned_at__isnull', False), ('returned_micros', models.F('charge_micros'))), _connector='OR'), name='render_returned_whole'),
        ),
        migrations.AddIndex(
            model_name='project',
            index=models.Index(fields=['workspace', '-id'], name='project_by_workspace'),
        ),
        migrations.AddConstraint(
            model_name='project',
            constraint=models.UniqueConstraint(fields=('workspace', 'name'), name='project_name_once'),
        ),
    ]
