//! Phrases of handing over, paying, the customer, and the caller's questions.

use super::super::super::act::Target;
use super::Cue;
use crate::orders::PaymentMethod;

pub(super) const PHRASES: &[(Cue, &str)] = &[
    (
        Cue::Person,
        "(живого|живой|нормального) оператор*; [позовите|позови|дайте|соедин*|переключ*|переведите|нужен] (меня|мне) (пожалуйста) (с|со|на|к) (живым|живого|живой|настоящ*|нормальн*) [оператор*|человек*|менеджер*|сотрудник*|специалист*|консультант*|продавц*|администратор*]; \
         живой человек; живого человека; с живым человеком (поговорить|говорить); [соедин*|переключ*|переведите] (меня|пожалуйста) (с|на) (кем|кого) (нибудь|то); позовите (кого) (нибудь); \
         [хочу|можно|могу|мне] (поговорить|говорить) с (живым) [человеком|кем|оператором|менеджером|специалистом|сотрудником|консультантом]; \
         не хочу (говорить|разговаривать) с роботом; не буду (говорить|разговаривать) с роботом; с роботом (говорить|разговаривать) не (хочу|буду); менеджера; менеджер (нужен|пожалуйста); \
         поговорить с (живым) человеком|оператором|менеджером; \
         operator; representative; (a) real|live person; human being; [speak|talk|let|get] (me|to|with) (speak|talk) (to|with) (a|an|the|your) (real|live|actual) person|human|manager|operator|agent|representative|someone|somebody; (a) person; manager; \
         put me through (to) (someone|somebody|a|an|the) (person|operator|human|manager); transfer me (to) (a|an|the|someone) (person|operator|human|manager|agent); customer service; \
         speak|talk to (a|an|the|your) (real|live) someone|somebody|person|human|manager|agent|representative|operator; human (please); agent (please); get me a human|person|manager",
    ),
    (
        Cue::Keep,
        "оператор* не (надо|нужно|нужен); не (надо|нужно|нужен) оператор*; не (надо) соединя*; не соединяйте (меня) (с) (оператором); без оператор*; не переключайте; (не) (хочу) (с) оператором не (хочу|надо|буду); \
         no operator; (i) dont need (an|the|a) operator|person|human; (i) dont want (an|the|a) operator|person|human; dont transfer (me); dont put me through; dont connect me",
    ),
    (Cue::Keep, "оператор связи; оператор сказал*; оператор обещал*; оператор мне"),
    (
        Cue::Delivery,
        "доставка; доставку; доставки; доставкой; доставьте; доставить; доставляйте; привез* (домой|мне|ко) (мне); привезите (домой|мне); курьер*; до двери; на дом; с доставкой (на) (дом); доставку (на) (дом|домой); \
         доставьте (мне) (домой|курьером); лучше доставку; чтобы привезли|доставили; чтобы курьер привез; мне доставку; транспортной; \
         delivery; deliver (it|them|that) (to) (me|us|my) (home|door|house); delivered (to) (me|my) (home|door|house); courier; ship it|them (to) (me); home delivery; bring it|them (to) (me|my) (home|door|house); have it|them delivered; to my door|house|home",
    ),
    (
        Cue::Pickup,
        "самовывоз*; (я) (лучше) (сам|сама|сами) (подъеду|приеду|заеду|подойду) (и) (сам|сама) заберу|заберем; (я) (лучше) (сам|сама|сами) подъеду|приеду|заеду|подойду (заберу|сам|сама|за) (ним|ней|ними); (я) (лучше) сам|сама|сами заберу|заберем; заберу (сам|сама|его|ее|их|оттуда); заберем; забираю; забрать (сам*); сам забирать буду; \
         из магазина|пункта (выдачи|самовывоза) (заберу); из магазина; в магазине заберу; со склада; \
         pickup; pick up; pick (it|them|that) up; (ill|i|we|well) (will|can) (come) (and) get|fetch it|them (myself); fetch it|them; come get it|them; come (and|to) get it|them; collect from; pickup from|at; (ill|i|we|well|will) (will|come|to|can) (and|to) (come) (and|to) pick it|them up (myself); (ill|i|we|well|will) (will|come|can) (and|to) (come) (and|to) collect (it|them) (myself|ourselves); collect (it|them) (myself); self pickup; \
         in store pickup; store pickup; come and get it; ill come for it; pick it up myself; get it myself",
    ),
    (
        Cue::NoDelivery,
        "отмен* доставк*; доставк* отмен*; не надо доставк*; доставк* не (надо|нужна|нужно); без доставки; не нужна доставка; не доставк*; \
         cancel (the) delivery; no delivery; dont deliver (it); without delivery; not delivery; dont need delivery; i dont need (the) delivery",
    ),
    (
        Cue::Pay(PaymentMethod::CashOnDelivery),
        "налич* (когда привезут|доставят|получу|заберу); кэш*; кеш*; (оплата|оплачу|заплачу|платить) наличными (курьеру|при) (получении|доставке); наличными (при) (получении|курьеру|доставке) (курьеру); деньгами; живыми деньгами; нал; налом; \
         (pay|paying|ill|i|in|with|by) (pay|will) (in|with|by) cash (on|at|when|to) (delivery|pickup|collection|the|courier) (courier); cod",
    ),
    (
        Cue::Pay(PaymentMethod::CardOnDelivery),
        "картой (курьеру|при|на) (получении|доставке|месте) (курьеру); карточкой (при|курьеру) (получении|доставке); карта; карту; карточк*; по карте (при) (получении); банковской картой (при) (получении); оплата картой (при) (получении); терминал*; через терминал; \
         безналом при получении; (by|with|pay|paying) (by|with) (a|my|credit|debit|bank) (credit|debit|bank) card (on|at|when|to) (delivery|pickup|collection|the|courier) (courier); card; credit card; debit card; card on delivery",
    ),
    (
        Cue::Pay(PaymentMethod::Online),
        "онлайн; оплачу онлайн; (картой) онлайн; (картой) по ссылк*|ссылочк*; (картой) через ссылк*; ссылк*; ссылочк*; (картой) на сайте; (картой) через интернет; сбп; по сбп; сразу онлайн; онлайн оплат*; заранее (картой); предоплат*; (по) qr (коду); кьюар*; \
         online; (pay) (by|with|via|through) (a|the) (payment) link; (by) (card) online; pay now; over the internet; send me a|the link; link; payment link; prepay",
    ),
    (
        Cue::OtherPayment,
        "(банковским) перевод*; в кредит; кредит*; в рассрочк*; рассрочк*; по счету; безнал*; по безналу; частями; долями; бонусами; биткоин*; криптовалют*; криптой; чеком; сертификат*; \
         bank transfer; (by|wire) wire (transfer); (by|an) invoice; on credit; installments; in installments; instalments; in instalments; paypal; bitcoin; crypto; cheque; by check; gift card; apple pay; google pay",
    ),
    (
        Cue::Filler,
        "при получении; при доставке; курьеру; на месте; оплата; оплату; оплачу; оплачивать (буду); платить буду; заплачу; буду платить; плачу; расплачусь; способ оплаты; \
         on delivery; ill pay; i will pay; i want to pay; payment; pay; paying; id like to pay; when it arrives",
    ),
    (
        Cue::Payments,
        "(какие) способы оплаты (есть); как (у вас) (можно) (вам) (будет) оплатить|платить|заплатить|оплачивать; чем (у вас) (можно) (вам) (будет) оплатить|платить|заплатить; какие (есть) (варианты|способы|виды) оплаты; как (происходит|производится|проходит) оплата; можно (ли) (оплатить|платить) (картой) или (наличными) _; \
         картой можно; (а) можно картой (оплатить); картой принимаете; карты принимаете; вы принимаете карты; наличными можно; \
         how can|do i pay; ways to pay; payment methods|options; how (can|do) (i|we|you) pay; what (payment) (methods|options) (of) (payment) do you (have|accept|take); do you take|accept cards|cash|card; can i pay (by|with|in) (card|cash); is cash (ok|okay)",
    ),
    (
        Cue::Price,
        "сколько стоит|стоят|стоить (они|она|он|это|эти|эта|этот|такие|такая|такой|один|одна|одно) (штука); сколько (они|она|он|это|эти|эта|этот|такие|такая|такой) (будет|будут) стоит|стоят|стоить; сколько (будет|будут) стоить; почем; какая (у) (них|него|нее) цена; по какой цене; цена (какая|сколько); какие (у вас) (на) цены; сколько за (штуку|одну|один|комплект|пару); какова цена; цену (скажите|подскажите); стоимость (какая); какая стоимость; (скажите|подскажите|узнать|назовите) (мне) цену|стоимость; \
         how much (is|are|does|do|for|would) (it|they|that|this|these|those|the|one) (cost|be|each) (one|ones|each); what (is|are) the price (of); whats the price (of); what does (it|that|this) cost; what do they cost; price (of); prices (of|for); how much (each|apiece); cost of; what would it cost; how much",
    ),
    (
        Cue::Total,
        "сколько (с) меня; сколько с меня; общая сумма; сколько (это|будет|все|всё|получается|получится|выйдет|итого) (всего|вместе|итого|все|получается|будет|вышло|выходит) (вместе|получается|выходит|будет|стоит); сколько (всего|итого|вместе|получается|выходит|получится); какая (общая|итоговая|получилась|получается) сумма; какая (там|у) (меня|нас) (общая) сумма; сколько все|всего вместе; сколько это все (стоит|будет|вместе); итого; итого сколько; total; сколько я (должен|должна); \
         (what|whats) (is|was|s) the total (price|cost|amount|sum|again); (what) total (price|cost|amount|sum); (the) total again; how much is (it|that|everything) (all) (altogether|together|total); how much (altogether|together|[in total]|[all together]|[in all]); how much do i (owe|pay|[have to pay]); how much will (it|everything|that) (all) (be|cost) (altogether|[in total]); what does it (all) come to; whats the (full|total|final) (amount|price|sum); what was the total; how much is everything",
    ),
    (
        Cue::DeliveryTerms,
        "сколько (у вас) (будет) (стоит|стоить) доставк*; сколько (у вас) (это) доставк* (стоит|будет) (стоить); доставк* сколько (стоит|будет|стоить) (стоить); (какая) (у вас) цена|стоимость доставки; какая (у вас) доставка; какие (у вас) условия доставки; условия доставки; \
         доставк* (у вас) (платн*|бесплатн*) (или|платн*|бесплатн*) (платн*|бесплатн*); есть (ли) (у вас) доставк*; доставк* (у вас) есть; доставляете (ли) (вы) (в|на|по); вы (не) доставляете (в|на|по); вы привозите (в|на|домой); (почем|сколько) доставк*; срок* доставки; сколько (идет|едет|времени|дней) доставк*; как долго (идет|едет) доставк*; доставк* (дорогая|долгая|быстрая); в какие города (вы) доставляете; платная доставка; бесплатная доставка; во сколько обойдется доставка; сколько (стоит) довезти|привезти; \
         how much (is|does|for|would) (the|your|it) (cost|to) (delivery|shipping|deliver) (cost|to|be); how much does (the) delivery|shipping cost (to); (whats|[what is]) the (price|cost) (of|for) (the) delivery|shipping; delivery (cost|price|fee|charge|terms) (to); [do you deliver] (to|in); [can you deliver] (to|in); is (the) delivery|shipping (free|paid|included); [free delivery]; [free shipping]; how long does (the) (delivery|shipping|it) take (to) (deliver|arrive); how long is (the) delivery; shipping cost (to); what does (the) delivery cost (to); what do you charge for delivery; do you ship (to)",
    ),
    (
        Cue::Difference,
        "(а) чем (они|эти|же|эта|это) (между собой) [отличаются|отличается|отличие|различаются|разнятся] (друг от друга|они|между|друг) (от|собой) (друга|других); в чем (их|же|там|у них) [разница|отличие|отличия|различие]; какая (между ними|у них|между|там) (ними) [разница|отличие]; чем лучше|хуже; (а) какая (из них) (из) (них) лучше; какие лучше; что лучше; чем первая|первый _ (второй|второго); отличаются чем; почему (такая|они) разная|разные цена|цены; \
         (whats|[what is]) the difference (between) (them|these|those|the) (two|three); how (do|are) (they|these) (differ|different) (from) (each) (other); what makes them different; which (one) is better; which (one) (do|would) you recommend; what do you recommend; difference between (them|these|the) (two)",
    ),
    (
        Cue::Others,
        "(а) [какие|что] (у вас) (есть|бывают) еще (есть|варианты|бывают|модели|можете предложить|посоветуете|предложите) (у вас) (есть|варианты|бывают); (а) еще [какие|что] (то|нибудь) (варианты|модели|есть) (бывают|есть|варианты); други* вариант*; другие; какие другие; (есть|покажите|назовите|а) (что) (нибудь|то) другое (есть); назовите (остальные|другие|еще); остальные; что нибудь еще (есть); еще варианты; другие модели; покажите другие; есть другие; следующие; дальше; еще какие; \
         what else (is there|do you have|have you got); any others; others; any other (options|ones|choices); other (options|ones|choices); what other (options|ones) (do you have|are there); something else; anything else; show me (others|more); more options; next ones; tell me the others; do you have (any) [others|anything else|something else]",
    ),
    (
        Cue::Assortment,
        "что (у вас) (вообще) (в) (продаже) (имеется|есть|бывает) (в) (наличии|продаже|ассортименте) (есть|имеется); что (у вас|вы) (вообще) (продаете|есть|имеется|торгуете|предлагаете); что у вас (вообще) (есть|продается|бывает|имеется|можно) (купить|заказать) (в) (наличии|продаже|ассортименте) (имеется|есть); что вы (вообще) (продаете|предлагаете) (тут|у вас); чем (вы) торгуете; какой (у вас) (есть) ассортимент; ассортимент; какие (у вас) (есть) (товары|марки|бренды|фирмы|виды|производители) (есть); какие (товары|марки|бренды|виды) у вас (есть); что можно (у вас) (купить|заказать); \
         what do you have|sell|offer|stock|carry (there|in) (stock); what have you got; what products|goods|brands|kinds (of) (goods) (do you have|are there|do you sell); what can i (buy|order); what is there; what are you selling; whats (available|[in stock])",
    ),
    (
        Cue::Stock,
        "сколько (у вас) (их|штук|его|ее) (есть|осталось|в) (в) (наличии) (штук|есть); (а) сколько (их|штук|у) (вас) (в) наличии; сколько осталось; они есть в наличии; есть в наличии; в наличии (есть|ли|имеется); (а) (они|это) (есть) в наличии; \
         how many (do you have|have you got|are there|are left|[in stock]) (left|[in stock]); [are they|is it] (in stock); [in stock]",
    ),
    (
        Cue::Points,
        "где (можно) (у вас|ваш|их|его|ее) (можно|пункт|будет) (самовывоз*|забрать|самому) (забрать|пункт|их|его) (самовывоза|выдачи); где (у вас|ваш|ваши) (находится) (пункт*) (самовывоз*|выдачи); откуда (можно) (забрать|забирать); где (я) (могу|смогу|можно) (его|их|ее|это|заказ) (забрать|получить) (его|их|ее|заказ); какие (есть) (у вас) (есть) пункты (самовывоза|выдачи); пункты самовывоза|выдачи; пункт* самовывоза|выдачи (где|какие|есть) (у) (вас) (есть); куда (ехать|подъехать|приехать) (забирать|за); адрес* (пункт*|самовывоз*) (самовывоз*|выдачи); \
         where (can|do|could|should) i (pick|collect|get) (it|them|that) (up|from); where is (the|your) (pickup|collection) (point|place|location); where are (the|your) (pickup|collection) points; pickup points; pick up points; what|which (pickup|collection) points|places|locations (do you have|are there)",
    ),
    (
        Cue::Summary,
        "что (у меня|я|там|мы) (в|уже|у меня) (заказ*|заказал*|набрал*|выбрал*) (заказе|сейчас|уже|там) (на|сейчас) (данный) (момент); что (сейчас|уже|у нас|у меня|там) (в|получается|записано) (заказе|записано|корзине); (а) что (вы) (там) записали; перечислите (заказ|что); прочитайте (заказ|еще); проверьте заказ все ли; зачитайте (заказ); повторите (мой|весь) заказ; \
         what (do i have|have i ordered|did i order|is in) (so far|my|the) (order|basket|cart); (whats|[what is]) in my (order|basket|cart); what (have|did) i (order|ordered) (so far); read (it|[my order]|[the order]) (back); summary; summarize (it|[my order]|[the order]); whats my order",
    ),
    (
        Cue::Discount,
        "скидк* (есть|бывают|какие|нет|будет|дадите|сделаете); (а) (есть|какие|будет|какая) (у вас|ли) (вас) (какие|ли) (нибудь|то) скидк*; акци*; промокод*; купон*; дисконт*; скидочн*; \
         discount* (available); (any|a) discount*; promo* (code); coupon*; special offer*; (any) deals",
    ),
    (
        Cue::Name,
        "меня зовут; имя; (это) мое имя; на|мое имя; фамилия; (на|моя) фамилия|фамилию; зовут меня; (оформите|оформляйте|оформить|запишите|записывайте|запиши|пишите|поставьте|заказ|сделайте|пиши) (заказ|его|мой|это|все|пожалуйста|просто) (заказ|его|пожалуйста) на [имя|фамилию]; \
         [оформите|оформляйте|оформить|оформим|запишите|записывайте|запишем|делайте|пишите|поставьте] (заказ|его|мой|это|все|пожалуйста|просто|меня|давайте) (заказ|его|пожалуйста|просто) на; заказ (будет) на; [запишите|записывайте|пишите] (меня|заказ|просто|пожалуйста|там) (просто|как); получатель; заказчик; получатель|заказчик (будет|это); \
         my name (is|s); my names; the name (is|s); (put|place|make|book) (it|[the order]|this|that) under the name (of); (put|place|make|book) (it|[the order]|this|that) (down) (in|to|for) the name (of); under the name (of); put|place|make|book (it|the order|this|that) under (the name) (of); in the name of; (the) (last|first|full) name (is); call me; names",
    ),
    (Cue::NameIs, "на; это; я; this is; its; im; it is; for"),
    (
        Cue::Withhold,
        "какая (вам) разница; не скажу; не буду говорить|называть|представляться; без имени; (а) зачем (вам|оно|это) (мое|моё|вам|нужно|знать) (имя|номер|телефон|это|адрес); не хочу (говорить|называть|представляться); не важно какое имя; имя не важно; не ваше дело; это секрет; (это) [необязательно|не обязательно]; анонимно; можно без (имени|этого); \
         (i) (would|d|id|i) rather not (say); none of your business; why do you need (it|that|[my name]|[to know]); (i) dont want to say|give|tell (you) (it|that|[my name]); i (wont|will not) (say|tell) (you); no name; without (a) name; anonymous; it doesnt matter what my name is; prefer not to say; id prefer not to; not telling",
    ),
    (
        Cue::Phone,
        "[мой|мой контактный|контактный|вот|запишите] [номер|телефон] (телефона|мой); номер телефона; (мой) телефон; мой номер; позвоните|перезвоните (мне) (на|по) (номер*|телефон*); \
         my (phone|telephone|mobile|cell|contact) number (is); my number (is); (my) phone number (is); my phone|telephone|mobile (is); call me (back) (at|on); number is; reach me (at|on)",
    ),
    (
        Cue::Change(Target::Address),
        "[измен*|поменя*|исправ*|смен*|друг*|нов*] (мне|пожалуйста) (мой) адрес* (доставки) (другой|другая|неправильн*|неверн*|не тот|измен*|поменя*); адрес (доставки) [другой|другая|неправильн*|неверн*|не тот|изменился]; не туда; не тот адрес; адрес не (тот|такой|верный|правильный); change (the|my) (delivery) address; (a) different address; wrong address; (the) address is wrong; another address; new address",
    ),
    (
        Cue::Change(Target::City),
        "[измен*|поменя*|смен*|друг*] город*; не тот город; город [другой|не тот|неправильн*|неверн*]; change the city; different city; wrong city; another city",
    ),
    (
        Cue::Change(Target::Quantity),
        "[измен*|поменя*|исправ*|друг*] (пожалуйста) количеств* (другое|неправильн*|неверн*|измен*|не то); change the quantity|amount|number; different quantity|amount; wrong quantity|amount|number",
    ),
    (
        Cue::Change(Target::Goods),
        "[измен*|поменя*|исправ*|друг*] (мне) [товар*|размер*|марк*|бренд*|модел*]; не тот товар; товар не тот; (размер|марка|модель) не (тот|та|такая); change the (product|goods|size|brand|item|model); wrong (product|item|size|brand|model); different (product|item|size|brand|model); нет другой размер; другой размер",
    ),
    (
        Cue::Change(Target::Method),
        "[измен*|поменя*|друг*] (способ) [доставки|получения|доставку]; измен* доставк*; поменя* доставк*; change the delivery (method); different delivery",
    ),
    (
        Cue::Change(Target::Payment),
        "[измен*|поменя*|друг*] (способ) оплат*; оплата [другая|не та|неправильн*]; change the payment (method); change how i pay; different payment (method)",
    ),
    (
        Cue::Change(Target::Name),
        "[измен*|поменя*|исправ*|друг*] (мое) [имя|фамили*]; имя [неправильн*|неверн*|не то|другое]; фамилия [неправильн*|неверн*|не та|другая]; change the name; wrong name; different name; (the|my) name is wrong",
    ),
    (
        Cue::Change(Target::Point),
        "[измен*|поменя*|друг*] пункт*; пункт [другой|не тот]; change the pickup point; different (pickup) point; another point",
    ),
    (
        Cue::Change(Target::Something),
        "(я) хочу изменить (мой) заказ; (хочу|надо|нужно|можно|давайте) (кое) (что) (то) измен* (заказ|кое) (что); (хочу|надо|нужно|можно|давайте) поменять (кое) (что) (заказ); измен* (в) (заказ*|нем); есть ошибка; тут ошибка; ошибка (в) (заказе); вы ошиблись; не все верно; не все правильно; (i) (want|need|would|like|id) (to) (like) (to) change (something|[my order]|[the order]|it); theres a mistake; something is wrong; not everything is (right|correct); change something; i need to change something",
    ),
];
