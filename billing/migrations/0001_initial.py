import billing.models.stripe
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
import uuid
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
            name='LedgerAccount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=160, unique=True)),
                ('kind', models.CharField(choices=[('wallet', 'Wallet'), ('platform', 'Platform')], max_length=10)),
                ('currency', models.CharField(default='USD', max_length=3)),
                ('tracked', models.BooleanField(default=False)),
                ('posted', models.BigIntegerField(default=0, verbose_name='posted balance (micros)')),
                ('held', models.BigIntegerField(default=0, verbose_name='held (micros)')),
                ('floor', models.BigIntegerField(default=0, verbose_name='minimum balance (micros)')),
                ('seq', models.BigIntegerField(default=0, verbose_name='newest line number')),
                ('capped', models.BooleanField(default=False, verbose_name='checked against budgets')),
                ('low_mark', models.BigIntegerField(blank=True, null=True, verbose_name='automatic top-up threshold (micros)')),
                ('low_told_at', models.DateTimeField(blank=True, null=True, verbose_name='low balance mailed at')),
                ('frozen_at', models.DateTimeField(blank=True, null=True)),
                ('frozen_reason', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('workspace', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='ledger_accounts', to='workspaces.workspace')),
            ],
            options={
                'permissions': [('grant_credit', 'Can grant credit to a wallet')],
            },
        ),
        migrations.CreateModel(
            name='Hold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=200, unique=True)),
                ('subject', models.CharField(max_length=120)),
                ('amount_micros', models.BigIntegerField()),
                ('state', models.CharField(choices=[('open', 'Held'), ('settled', 'Settled'), ('released', 'Released')], default='open', max_length=10)),
                ('settled_micros', models.BigIntegerField(blank=True, null=True)),
                ('returned_micros', models.BigIntegerField(db_default=0, default=0, verbose_name='returned (micros)')),
                ('deadline_at', models.DateTimeField(blank=True, null=True, verbose_name='overdue at')),
                ('note', models.CharField(blank=True, max_length=300, verbose_name='reason for closing')),
                ('project', models.CharField(blank=True, default='', max_length=40)),
                ('member', models.CharField(blank=True, default='', max_length=40, verbose_name='user id')),
                ('token', models.CharField(blank=True, default='', max_length=40)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='billing.ledgeraccount')),
            ],
        ),
        migrations.CreateModel(
            name='CreditLot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('category', models.CharField(choices=[('bonus', 'Bonus'), ('paid', 'Paid')], max_length=10)),
                ('priority', models.PositiveSmallIntegerField(default=50, verbose_name='burn priority (lowest first)')),
                ('granted', models.BigIntegerField(verbose_name='granted (micros)')),
                ('remaining', models.BigIntegerField(verbose_name='remaining (micros)')),
                ('held', models.BigIntegerField(default=0, verbose_name='held (micros)')),
                ('effective_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('source_key', models.CharField(max_length=255, unique=True)),
                ('memo', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lots', to='billing.ledgeraccount')),
            ],
        ),
        migrations.CreateModel(
            name='MonthlySummary',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField(verbose_name='first day of the month')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='summaries', to='workspaces.workspace')),
            ],
            options={
                'verbose_name_plural': 'monthly summaries',
            },
        ),
        migrations.CreateModel(
            name='Price',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('offer', models.CharField(max_length=120)),
                ('cost_micros_per_second', models.BigIntegerField()),
                ('price_micros_per_second', models.BigIntegerField()),
                ('effective_from', models.DateTimeField(default=django.utils.timezone.now)),
                ('source', models.CharField(max_length=300, verbose_name='source of the cost')),
                ('derived', models.BooleanField(default=False, verbose_name='derived cost')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('created_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='PromotionCode',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=40, unique=True)),
                ('amount_micros', models.BigIntegerField()),
                ('reason', models.CharField(max_length=300, verbose_name='statement text')),
                ('credit_days', models.PositiveIntegerField(blank=True, null=True, verbose_name='credit valid for (days)')),
                ('starts_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ends_at', models.DateTimeField(blank=True, null=True, verbose_name='ends at')),
                ('most', models.PositiveIntegerField(blank=True, null=True, verbose_name='maximum redemptions')),
                ('redeemed', models.PositiveIntegerField(default=0)),
                ('stopped_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('made_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='PromotionUse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('code', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='uses', to='billing.promotioncode')),
                ('lot', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='promotion_use', to='billing.creditlot')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='promotion_uses', to='workspaces.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='StripeCustomer',
            fields=[
                ('id', models.CharField(default=billing.models.stripe.customer_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('livemode', models.BooleanField()),
                ('stripe_id', models.CharField(blank=True, max_length=255, null=True, unique=True)),
                ('generation', models.PositiveSmallIntegerField(default=1, verbose_name='generation')),
                ('email', models.EmailField(max_length=254)),
                ('name', models.CharField(max_length=80)),
                ('card_id', models.CharField(blank=True, max_length=255, verbose_name='saved card')),
                ('card_brand', models.CharField(blank=True, max_length=40)),
                ('card_last4', models.CharField(blank=True, max_length=4)),
                ('card_expires', models.CharField(blank=True, max_length=7, verbose_name='card expiry (MM/YYYY)')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='stripe_customers', to='workspaces.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='CardSetup',
            fields=[
                ('id', models.CharField(default=billing.models.stripe.card_setup_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('session_id', models.CharField(blank=True, max_length=255, null=True, unique=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('saved_at', models.DateTimeField(blank=True, null=True)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='card_setups', to='workspaces.workspace')),
                ('customer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='card_setups', to='billing.stripecustomer')),
            ],
        ),
        migrations.CreateModel(
            name='SummaryChoice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('wanted', models.BooleanField()),
                ('member', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='summary_choice', to='workspaces.member')),
            ],
        ),
        migrations.CreateModel(
            name='TopUp',
            fields=[
                ('id', models.CharField(default=billing.models.stripe.top_up_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('origin', models.CharField(choices=[('checkout', 'Paid at checkout'), ('automatic', 'Automatic')], default='checkout', max_length=10)),
                ('state', models.CharField(choices=[('new', 'Starting'), ('open', 'Waiting for the payment'), ('processing', 'Payment is on its way'), ('needs_action', 'The bank asks for a confirmation'), ('paid', 'Paid'), ('failed', 'Failed'), ('expired', 'Not paid in time'), ('cancelled', 'Cancelled'), ('review', 'Being looked at')], default='new', max_length=14)),
                ('amount_cents', models.PositiveBigIntegerField(verbose_name='credit before tax (cents)')),
                ('total_cents', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='total paid with tax (cents)')),
                ('currency', models.CharField(default='usd', max_length=3)),
                ('livemode', models.BooleanField()),
                ('payer', models.CharField(blank=True, max_length=255, verbose_name='paying Stripe customer')),
                ('save_card', models.BooleanField(default=False)),
                ('session_id', models.CharField(blank=True, max_length=255, null=True, unique=True)),
                ('session_url', models.URLField(blank=True, max_length=2000)),
                ('payment_intent_id', models.CharField(blank=True, max_length=255, null=True, unique=True)),
                ('card_id', models.CharField(blank=True, max_length=255, verbose_name='card of an automatic top-up')),
                ('invoice_id', models.CharField(blank=True, max_length=255)),
                ('back_to', models.CharField(blank=True, max_length=4000, verbose_name='return page')),
                ('problem', models.CharField(blank=True, max_length=300, verbose_name='reason without credit')),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('next_check_at', models.DateTimeField(blank=True, null=True, verbose_name='next check at')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('paid_at', models.DateTimeField(blank=True, null=True)),
                ('closed_at', models.DateTimeField(blank=True, null=True, verbose_name='closed without credit at')),
                ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='top_ups', to='billing.stripecustomer')),
                ('lot', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='top_up', to='billing.creditlot')),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='top_ups', to='workspaces.workspace')),
            ],
            options={
                'verbose_name': 'top-up',
                'permissions': [('refund_topup', 'Can refund a top-up'), ('review_topup', 'Can decide on a top-up in doubt')],
            },
        ),
        migrations.CreateModel(
            name='Refund',
            fields=[
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('next_try_at', models.DateTimeField(blank=True, null=True)),
                ('id', models.CharField(default=billing.models.stripe.refund_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('stripe_id', models.CharField(blank=True, max_length=255, null=True, unique=True)),
                ('state', models.CharField(choices=[('requested', 'Requested'), ('pending', 'On its way'), ('succeeded', 'Refunded'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='requested', max_length=10)),
                ('amount_cents', models.PositiveBigIntegerField()),
                ('credit_micros', models.BigIntegerField(default=0)),
                ('forgive_spent', models.BooleanField(default=False, verbose_name='write off what was spent')),
                ('forgiven_micros', models.BigIntegerField(default=0)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('token', models.UUIDField(blank=True, null=True, unique=True, verbose_name='form token')),
                ('problem', models.CharField(blank=True, max_length=300)),
                ('booked_at', models.DateTimeField(blank=True, null=True, verbose_name='clawed back at')),
                ('returned_at', models.DateTimeField(blank=True, null=True, verbose_name='credit returned at')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('top_up', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refunds', to='billing.topup')),
            ],
        ),
        migrations.CreateModel(
            name='Dispute',
            fields=[
                ('id', models.CharField(default=billing.models.stripe.dispute_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('stripe_id', models.CharField(max_length=255, unique=True)),
                ('state', models.CharField(choices=[('inquiry', 'The bank asks'), ('inquiry_closed', 'The bank asked, and it ended there'), ('open', 'Disputed'), ('lost', 'Lost'), ('won', 'Won')], max_length=14)),
                ('status', models.CharField(max_length=40, verbose_name='Stripe status')),
                ('reason', models.CharField(blank=True, max_length=60, verbose_name='reason given by the cardholder')),
                ('amount_cents', models.PositiveBigIntegerField()),
                ('credit_micros', models.BigIntegerField(default=0)),
                ('fee_cents', models.PositiveBigIntegerField(default=0, verbose_name='dispute fee (cents)')),
                ('evidence_due_at', models.DateTimeField(blank=True, null=True)),
                ('booked_at', models.DateTimeField(blank=True, null=True, verbose_name='clawed back at')),
                ('returned_at', models.DateTimeField(blank=True, null=True, verbose_name='credit returned at')),
                ('cleared_at', models.DateTimeField(blank=True, null=True, verbose_name='cleared at')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('top_up', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disputes', to='billing.topup')),
            ],
        ),
        migrations.CreateModel(
            name='Transfer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('topup', 'Top-up'), ('grant', 'Credit granted'), ('settle', 'Video'), ('expire', 'Credit expired'), ('refund', 'Refund'), ('clawback', 'Clawed back'), ('reversal', 'Correction'), ('adjust', 'Adjustment'), ('writeoff', 'Written off'), ('provider_cost', 'Provider cost')], max_length=15)),
                ('amount_micros', models.BigIntegerField()),
                ('key', models.CharField(max_length=255, unique=True)),
                ('journal', models.UUIDField(default=uuid.uuid4)),
                ('subject', models.CharField(blank=True, max_length=120)),
                ('memo', models.CharField(blank=True, max_length=300)),
                ('project', models.CharField(blank=True, default='', max_length=40)),
                ('member', models.CharField(blank=True, default='', max_length=40, verbose_name='user id')),
                ('token', models.CharField(blank=True, default='', max_length=40)),
                ('owner_seq', models.BigIntegerField(blank=True, null=True)),
                ('owner_balance', models.BigIntegerField(blank=True, null=True, verbose_name='balance after (micros)')),
                ('owner_hash', models.CharField(blank=True, max_length=64)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('actor', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('credit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='credits', to='billing.ledgeraccount')),
                ('debit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='debits', to='billing.ledgeraccount')),
                ('hold', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='transfers', to='billing.hold')),
                ('lot', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='transfers', to='billing.creditlot')),
                ('owner', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='billing.ledgeraccount')),
                ('reverses', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reversals', to='billing.transfer')),
            ],
        ),
        migrations.CreateModel(
            name='Usage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject', models.CharField(max_length=120, unique=True)),
                ('offer', models.CharField(max_length=120)),
                ('measured_ms', models.PositiveBigIntegerField(verbose_name='measured length (ms)')),
                ('reported_ms', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='reported length (ms)')),
                ('reported_cost_micros', models.BigIntegerField(blank=True, null=True, verbose_name='reported cost (micros)')),
                ('amount_micros', models.BigIntegerField(verbose_name='charge (micros)')),
                ('write_off_micros', models.BigIntegerField(default=0, verbose_name='written off (micros)')),
                ('cost_micros', models.BigIntegerField(default=0, verbose_name='estimated cost (micros)')),
                ('generations', models.PositiveIntegerField(default=0)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('hold', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='usage', to='billing.hold')),
                ('price', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='usage', to='billing.price')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='usage', to='workspaces.workspace')),
            ],
            options={
                'verbose_name_plural': 'usage',
            },
        ),
        migrations.CreateModel(
            name='Books',
            fields=[
            ],
            options={
                'verbose_name': 'books',
                'verbose_name_plural': 'books',
                'proxy': True,
                'default_permissions': ('view',),
                'indexes': [],
                'constraints': [],
            },
            bases=('billing.usage',),
        ),
        migrations.CreateModel(
            name='UsageDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('dimension', models.CharField(max_length=10)),
                ('name', models.CharField(blank=True, max_length=120)),
                ('videos', models.PositiveIntegerField()),
                ('measured_ms', models.PositiveBigIntegerField()),
                ('amount_micros', models.BigIntegerField()),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='usage_days', to='workspaces.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='AutoTopUp',
            fields=[
                ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='auto_top_up', serialize=False, to='workspaces.workspace')),
                ('enabled', models.BooleanField(default=False)),
                ('threshold_micros', models.BigIntegerField(default=5000000)),
                ('amount_cents', models.PositiveBigIntegerField(default=2000)),
                ('ceiling_cents', models.PositiveBigIntegerField(default=10000, verbose_name='monthly ceiling (cents)')),
                ('failures', models.PositiveSmallIntegerField(default=0, verbose_name='failures in a row')),
                ('next_attempt_at', models.DateTimeField(blank=True, null=True, verbose_name='next attempt at')),
                ('paused_reason', models.CharField(blank=True, max_length=300, verbose_name='reason for pausing')),
                ('ceiling_told_on', models.DateField(blank=True, null=True, verbose_name='ceiling notice for month')),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('set_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'automatic top-up',
                'constraints': [models.CheckConstraint(condition=models.Q(('amount_cents__gt', 0), ('ceiling_cents__gte', models.F('amount_cents')), ('threshold_micros__gte', 0)), name='auto_top_up_amounts_fit')],
            },
        ),
        migrations.CreateModel(
            name='Budget',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.CharField(max_length=60)),
                ('cap_micros', models.BigIntegerField(verbose_name='monthly cap (micros)')),
                ('set_at', models.DateTimeField()),
                ('set_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='budgets', to='workspaces.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'scope'), name='budget_once_per_scope'), models.CheckConstraint(condition=models.Q(('cap_micros__gte', 0)), name='budget_cap_not_negative')],
            },
        ),
        migrations.CreateModel(
            name='BudgetNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.CharField(max_length=60)),
                ('starts_at', models.DateTimeField(verbose_name='month')),
                ('percent', models.PositiveSmallIntegerField()),
                ('cap_micros', models.BigIntegerField()),
                ('spent_micros', models.BigIntegerField()),
                ('reserved_micros', models.BigIntegerField()),
                ('refused_micros', models.BigIntegerField(blank=True, null=True, verbose_name='refused amount (micros)')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='budget_notices', to='workspaces.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'scope', 'starts_at', 'percent'), name='budget_notice_once_per_period'), models.CheckConstraint(condition=models.Q(('percent__in', (50, 80, 100))), name='budget_notice_percent_known')],
            },
        ),
        migrations.CreateModel(
            name='BudgetPeriod',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.CharField(max_length=60)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('cap_micros', models.BigIntegerField()),
                ('beyond_micros', models.BigIntegerField(default=0)),
                ('spent_micros', models.BigIntegerField(default=0)),
                ('reserved_micros', models.BigIntegerField(default=0)),
                ('told_percent', models.PositiveSmallIntegerField(default=0, verbose_name='highest notice (%)')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='budget_periods', to='workspaces.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'scope', 'starts_at'), name='budget_period_once'), models.CheckConstraint(condition=models.Q(('beyond_micros__gte', 0), ('reserved_micros__gte', 0), ('spent_micros__gte', 0)), name='budget_period_not_negative'), models.CheckConstraint(condition=models.Q(('cap_micros__gte', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('spent_micros'), '+', models.F('reserved_micros')), '-', models.F('beyond_micros')))), name='budget_period_not_exceeded'), models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='budget_period_ends_after_start')],
            },
        ),
        migrations.CreateModel(
            name='HoldLot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('amount_micros', models.BigIntegerField()),
                ('hold', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lots', to='billing.hold')),
                ('lot', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='billing.creditlot')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('hold', 'lot'), name='hold_lot_once'), models.CheckConstraint(condition=models.Q(('amount_micros__gt', 0)), name='hold_lot_amount_positive')],
            },
        ),
        migrations.AddConstraint(
            model_name='ledgeraccount',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['wallet', 'platform'])), name='ledger_account_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='ledgeraccount',
            constraint=models.CheckConstraint(condition=models.Q(('held__gte', 0)), name='ledger_account_held_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='ledgeraccount',
            constraint=models.CheckConstraint(condition=models.Q(('floor__gte', 0)), name='ledger_account_floor_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='ledgeraccount',
            constraint=models.CheckConstraint(condition=models.Q(('tracked', False), ('posted__gte', django.db.models.expressions.CombinedExpression(models.F('held'), '+', models.F('floor'))), _connector='OR'), name='ledger_account_not_overdrawn'),
        ),
        migrations.AddConstraint(
            model_name='ledgeraccount',
            constraint=models.CheckConstraint(condition=models.Q(('tracked', True), models.Q(('floor', 0), ('held', 0), ('posted', 0), ('seq', 0)), _connector='OR'), name='ledger_account_untracked_is_a_sum'),
        ),
        migrations.AddConstraint(
            model_name='ledgeraccount',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'wallet'), _negated=True), models.Q(('tracked', True), ('workspace__isnull', False)), _connector='OR'), name='ledger_account_wallet_has_owner'),
        ),
        migrations.AddConstraint(
            model_name='ledgeraccount',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'wallet')), fields=('workspace',), name='ledger_account_one_wallet_each'),
        ),
        migrations.AddIndex(
            model_name='hold',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['account'], name='hold_open_by_account'),
        ),
        migrations.AddIndex(
            model_name='hold',
            index=models.Index(fields=['account', 'created_at'], name='hold_by_account'),
        ),
        migrations.AddIndex(
            model_name='hold',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['deadline_at'], name='hold_open_by_deadline'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(('amount_micros__gte', 0)), name='hold_amount_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(('subject', ''), _negated=True), name='hold_names_its_subject'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', True), ('settled_micros__isnull', True), ('state', 'open')), models.Q(('closed_at__isnull', False), ('settled_micros__gte', 0), ('settled_micros__isnull', False), ('settled_micros__lte', models.F('amount_micros')), ('state', 'settled')), models.Q(('closed_at__isnull', False), ('settled_micros', 0), ('settled_micros__isnull', False), ('state', 'released')), _connector='OR'), name='hold_state_fits_amounts'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.CheckConstraint(condition=models.Q(('returned_micros', 0), models.Q(('returned_micros__gt', 0), ('returned_micros__lte', models.F('settled_micros'))), _connector='OR'), name='hold_returned_of_settled'),
        ),
        migrations.AddConstraint(
            model_name='hold',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('subject',), name='hold_open_once_per_subject'),
        ),
        migrations.AddIndex(
            model_name='creditlot',
            index=models.Index(condition=models.Q(('remaining__gt', 0)), fields=['account', 'priority', 'expires_at'], name='lot_in_burn_order'),
        ),
        migrations.AddIndex(
            model_name='creditlot',
            index=models.Index(condition=models.Q(('expires_at__isnull', False), ('remaining__gt', models.F('held'))), fields=['expires_at'], name='lot_to_expire'),
        ),
        migrations.AddConstraint(
            model_name='creditlot',
            constraint=models.CheckConstraint(condition=models.Q(('category__in', ['bonus', 'paid'])), name='lot_category_known'),
        ),
        migrations.AddConstraint(
            model_name='creditlot',
            constraint=models.CheckConstraint(condition=models.Q(('granted__gt', 0)), name='lot_granted_positive'),
        ),
        migrations.AddConstraint(
            model_name='creditlot',
            constraint=models.CheckConstraint(condition=models.Q(('held__gte', 0), ('held__lte', models.F('remaining')), ('remaining__lte', models.F('granted'))), name='lot_within_bounds'),
        ),
        migrations.AddConstraint(
            model_name='creditlot',
            constraint=models.CheckConstraint(condition=models.Q(('expires_at__isnull', True), ('expires_at__gt', models.F('effective_at')), _connector='OR'), name='lot_expires_after_start'),
        ),
        migrations.AddConstraint(
            model_name='monthlysummary',
            constraint=models.UniqueConstraint(fields=('workspace', 'month'), name='summary_once_per_month'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('cost_micros_per_second__gte', 0), ('price_micros_per_second__gte', 0)), name='price_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('source', ''), _negated=True), name='price_names_its_source'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.UniqueConstraint(fields=('offer', 'effective_from'), name='price_once_per_moment'),
        ),
        migrations.AddConstraint(
            model_name='promotioncode',
            constraint=models.CheckConstraint(condition=models.Q(('amount_micros__gt', 0)), name='promotion_amount_positive'),
        ),
        migrations.AddConstraint(
            model_name='promotioncode',
            constraint=models.CheckConstraint(condition=models.Q(('most__isnull', True), ('redeemed__lte', models.F('most')), _connector='OR'), name='promotion_not_beyond_most'),
        ),
        migrations.AddConstraint(
            model_name='promotioncode',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__isnull', True), ('ends_at__gt', models.F('starts_at')), _connector='OR'), name='promotion_ends_after_start'),
        ),
        migrations.AddConstraint(
            model_name='promotioncode',
            constraint=models.CheckConstraint(condition=models.Q(('credit_days__isnull', True), ('credit_days__gt', 0), _connector='OR'), name='promotion_credit_lasts'),
        ),
        migrations.AddConstraint(
            model_name='promotionuse',
            constraint=models.UniqueConstraint(fields=('code', 'workspace'), name='promotion_once_per_workspace'),
        ),
        migrations.AddConstraint(
            model_name='promotionuse',
            constraint=models.UniqueConstraint(fields=('code', 'user'), name='promotion_once_per_person'),
        ),
        migrations.AddConstraint(
            model_name='stripecustomer',
            constraint=models.UniqueConstraint(fields=('workspace', 'livemode'), name='stripe_customer_one_each'),
        ),
        migrations.AddIndex(
            model_name='topup',
            index=models.Index(fields=['workspace', '-created_at'], name='top_up_by_workspace'),
        ),
        migrations.AddIndex(
            model_name='topup',
            index=models.Index(fields=['state'], name='top_up_by_state'),
        ),
        migrations.AddIndex(
            model_name='topup',
            index=models.Index(condition=models.Q(('next_check_at__isnull', False)), fields=['next_check_at'], name='top_up_due'),
        ),
        migrations.AddConstraint(
            model_name='topup',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['new', 'open', 'processing', 'needs_action', 'paid', 'failed', 'expired', 'cancelled', 'review'])), name='top_up_state_known'),
        ),
        migrations.AddConstraint(
            model_name='topup',
            constraint=models.CheckConstraint(condition=models.Q(('amount_cents__gt', 0)), name='top_up_amount_positive'),
        ),
        migrations.AddConstraint(
            model_name='topup',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lot__isnull', False), ('paid_at__isnull', False), ('state', 'paid')), models.Q(models.Q(('state', 'paid'), _negated=True), ('lot__isnull', True), ('paid_at__isnull', True)), _connector='OR'), name='top_up_paid_has_credit'),
        ),
        migrations.AddConstraint(
            model_name='topup',
            constraint=models.UniqueConstraint(condition=models.Q(('origin', 'automatic'), ('state__in', ['new', 'open', 'processing', 'needs_action', 'review'])), fields=('workspace',), name='top_up_one_automatic_at_once'),
        ),
        migrations.AddIndex(
            model_name='refund',
            index=models.Index(condition=models.Q(('next_try_at__isnull', False)), fields=['next_try_at'], name='refund_due'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['requested', 'pending', 'succeeded', 'failed', 'cancelled'])), name='refund_state_known'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(('amount_cents__gt', 0)), name='refund_amount_positive'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(('credit_micros__gte', 0), ('forgiven_micros__gte', 0), ('forgiven_micros__lte', models.F('credit_micros'))), name='refund_credit_in_bounds'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['inquiry', 'inquiry_closed', 'open', 'lost', 'won'])), name='dispute_state_known'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(('credit_micros__gte', 0)), name='dispute_credit_not_negative'),
        ),
        migrations.AddIndex(
            model_name='transfer',
            index=models.Index(condition=models.Q(('subject', ''), _negated=True), fields=['subject'], name='transfer_by_subject'),
        ),
        migrations.AddIndex(
            model_name='transfer',
            index=models.Index(condition=models.Q(('project', ''), _negated=True), fields=['owner', 'project', 'owner_seq'], name='line_by_project'),
        ),
        migrations.AddIndex(
            model_name='transfer',
            index=models.Index(condition=models.Q(('member', ''), _negated=True), fields=['owner', 'member', 'owner_seq'], name='line_by_member'),
        ),
        migrations.AddIndex(
            model_name='transfer',
            index=models.Index(condition=models.Q(('token', ''), _negated=True), fields=['owner', 'token', 'owner_seq'], name='line_by_token'),
        ),
        migrations.AddIndex(
            model_name='transfer',
            index=models.Index(fields=['created_at', 'id'], name='transfer_by_time'),
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['topup', 'grant', 'settle', 'expire', 'refund', 'clawback', 'reversal', 'adjust', 'writeoff', 'provider_cost'])), name='transfer_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.CheckConstraint(condition=models.Q(('amount_micros__gt', 0)), name='transfer_amount_positive'),
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.CheckConstraint(condition=models.Q(('debit', models.F('credit')), _negated=True), name='transfer_between_two_accounts'),
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.CheckConstraint(condition=models.Q(('owner__isnull', True), ('owner', models.F('debit')), ('owner', models.F('credit')), _connector='OR'), name='transfer_owner_is_a_party'),
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('owner__isnull', True), ('owner_balance__isnull', True), ('owner_hash', ''), ('owner_seq__isnull', True)), models.Q(('lot__isnull', False), ('owner__isnull', False), ('owner_balance__gte', 0), ('owner_seq__gte', 1), models.Q(('owner_hash', ''), _negated=True)), _connector='OR'), name='transfer_line_complete'),
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'settle'), _negated=True), models.Q(('hold__isnull', False), ('lot__isnull', False)), _connector='OR'), name='transfer_settle_names_hold'),
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'reversal'), ('reverses__isnull', False)), models.Q(models.Q(('kind', 'reversal'), _negated=True), ('reverses__isnull', True)), _connector='OR'), name='transfer_reversal_names_it'),
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'settle')), fields=('hold', 'lot'), name='transfer_settles_a_lot_once'),
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.UniqueConstraint(condition=models.Q(('owner__isnull', False)), fields=('owner', 'owner_seq'), name='transfer_line_number_once'),
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.UniqueConstraint(condition=models.Q(('reverses__isnull', False)), fields=('reverses',), name='transfer_reversed_once'),
        ),
        migrations.AddIndex(
            model_name='usage',
            index=models.Index(fields=['workspace', 'created_at'], name='usage_by_workspace'),
        ),
        migrations.AddIndex(
            model_name='usage',
            index=models.Index(fields=['created_at'], name='usage_by_time'),
        ),
        migrations.AddConstraint(
            model_name='usage',
            constraint=models.CheckConstraint(condition=models.Q(('measured_ms__gt', 0)), name='usage_measured_something'),
        ),
        migrations.AddConstraint(
            model_name='usage',
            constraint=models.CheckConstraint(condition=models.Q(('amount_micros__gte', 0), ('cost_micros__gte', 0), ('write_off_micros__gte', 0)), name='usage_amounts_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='usageday',
            constraint=models.UniqueConstraint(fields=('workspace', 'day', 'dimension', 'name'), name='usage_day_once'),
        ),
        migrations.AddField(
            model_name='price',
            name='unit',
            field=models.CharField(choices=[('second', 'Second of output'), ('generation', 'Generation')], default='second', max_length=10),
        ),
        migrations.AddField(
            model_name='usage',
            name='videos',
            field=models.PositiveSmallIntegerField(default=1, verbose_name='counts as videos'),
        ),
        migrations.CreateModel(
            name='SpendLock',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.CharField(max_length=60)),
                ('locked_at', models.DateTimeField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='budget',
            name='budget_once_per_scope',
        ),
        migrations.RemoveConstraint(
            model_name='budgetnotice',
            name='budget_notice_once_per_period',
        ),
        migrations.RemoveConstraint(
            model_name='budgetperiod',
            name='budget_period_once',
        ),
        migrations.AddField(
            model_name='budget',
            name='period',
            field=models.CharField(choices=[('day', 'daily'), ('week', 'weekly'), ('month', 'monthly')], default='month', max_length=5),
        ),
        migrations.AddField(
            model_name='budgetnotice',
            name='period',
            field=models.CharField(choices=[('day', 'daily'), ('week', 'weekly'), ('month', 'monthly')], default='month', max_length=5),
        ),
        migrations.AddField(
            model_name='budgetperiod',
            name='period',
            field=models.CharField(choices=[('day', 'daily'), ('week', 'weekly'), ('month', 'monthly')], default='month', max_length=5),
        ),
        migrations.AlterField(
            model_name='budget',
            name='cap_micros',
            field=models.BigIntegerField(verbose_name='cap (micros)'),
        ),
        migrations.AlterField(
            model_name='budgetnotice',
            name='starts_at',
            field=models.DateTimeField(verbose_name='from'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.UniqueConstraint(fields=('workspace', 'scope', 'period'), name='budget_once_per_scope'),
        ),
        migrations.AddConstraint(
            model_name='budget',
            constraint=models.CheckConstraint(condition=models.Q(('period__in', ['day', 'week', 'month'])), name='budget_period_known'),
        ),
        migrations.AddConstraint(
            model_name='budgetnotice',
            constraint=models.UniqueConstraint(fields=('workspace', 'scope', 'period', 'starts_at', 'percent'), name='budget_notice_once_per_period'),
        ),
        migrations.AddConstraint(
            model_name='budgetperiod',
            constraint=models.UniqueConstraint(fields=('workspace', 'scope', 'period', 'starts_at'), name='budget_period_once'),
        ),
        migrations.AddField(
            model_name='spendlock',
            name='locked_by',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='spendlock',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='spend_locks', to='workspaces.workspace'),
        ),
        migrations.AddConstraint(
            model_name='spendlock',
            constraint=models.UniqueConstraint(fields=('workspace', 'scope'), name='spend_lock_once_per_scope'),
        ),
    ]
