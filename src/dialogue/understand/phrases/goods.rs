//! Phrases around goods.

use super::super::super::act::Extreme;
use super::Cue;

pub(super) const PHRASES: &[(Cue, &str)] = &[
    (
        Cue::Want,
        "(я) хочу (бы) (заказать|купить|взять|приобрести|оформить); (я) хотел* (бы) (заказать|купить|взять|приобрести|оформить); (мне) (бы) хотелось (бы) (заказать|купить|взять|приобрести); (мне) нужен|нужна|нужны (будет|будут); (мне) нужно (заказать|купить|взять); (мне) надо (заказать|купить|взять) (бы); мне бы; \
         дайте (мне); возьму (его|ее|их|эту|этот|эти); беру (его|ее|их|эту|этот|эти); хочу; надо; нужно; покупаю; (давайте) возьмем; (я) бы взял*; взял* бы; (я) бы заказал*; заказал* бы; заказать; купить; закажу; заказываю; приобрести; закажите; взять; куплю; ищу; (мне) требуется|требуются; (меня) интересует|интересуют; оформите (мне) (заказ); подберите (мне); буду брать; отложите; запишите мне; отпустите; \
         (i) need (to) (order|buy|get); (i) want (to) (order|buy|get|have); (i) would like (to) (order|buy|get|have); id like (to) (order|buy|get|have); ill take|have|get (it|them|that|this|those); i want it; i will take|have; give me; can|could|may i have|get|order|buy (please); looking for; (i) (am|im) looking for; lets take|get|have; order me; get me; buy; purchase; well take; id love; put me down for; (im) interested in; lets go with; ill go with; go with",
    ),
    (
        Cue::WantsToOrder,
        "(я) (хочу|хотел*|хотелось|можно|нужно|надо) (бы) (у вас) (сделать|оформить|разместить) (у вас) (новый) заказ; (я) (хочу|хотел*|можно) (бы) (что) (нибудь|то) (у вас) заказать (что) (нибудь|то); (я) (хочу|хотел*|можно) (бы) (у вас) (кое) (что) (то) заказать; сделать (новый) заказ; новый заказ; оформить заказ; \
         (i) (want|would|id|like|need) (to) (like) (to) place an order; (i) (want|would|id|like|need) (to) (like) (to) make an order; (i) (want|would|id|like|need) (to) (like) (to) order something; new order; place an order; make an order",
    ),
    (
        Cue::Add,
        "еще; и еще; а еще; плюс; и плюс; добавь*|добави*; добавьте (еще|мне) (еще); докиньте; также; а также; и также; вдобавок; плюс к этому; плюс еще; еще добавьте; еще мне; еще и; кроме того; и потом еще; заодно (еще|и); еще нужно|надо; еще нужны|нужен|нужна; еще хочу; и еще мне; ну и еще; \
         and also; also; add (me|another|in) (another); plus; another; and another; as well as; in addition; along with; i also need|want; and add; additionally; throw in; one more",
    ),
    (
        Cue::Replace,
        "лучше; давайте лучше; а лучше; нет лучше; поменяйте (мне|их|его|ее) на; поменять (их|его|ее) на; замените (мне|их|его|ее) на; заменить (их|его|ее) на; пусть будет|будут (лучше); пусть лучше; смените на; исправьте на; измените на; переделайте на; \
         make it|that|them; change (it|that|them) to; switch (it|that|them) to; swap (it|that|them) for; replace (it|that|them) with; rather; id rather (have|take); let it be; change that to; (no) make that",
    ),
    (Cue::Instead, "вместо; взамен; заместо; instead of; in place of; rather than"),
    (Cue::Replace, "instead; вместо этого; вместо них; вместо него; вместо нее"),
    (
        Cue::Change(super::super::super::act::Target::Something),
        "поменяйте; поменять; замените; заменить; смените; измените; исправьте; replace; swap; switch; change",
    ),
    (
        Cue::Inquire,
        "есть (ли) (у вас|вас) (в) (наличии) (что) (нибудь|то); (а) (у вас) есть (ли) (в) (наличии) (что) (нибудь|то); у вас (имеются|имеется|бывают|продаются|продается|есть) (в) (наличии) (что) (нибудь|то); имеются (ли); имеется (ли); есть в продаже; бывают; продаются; продается; (вы) продаете; покажите; какие (есть|бывают) (у) (вас); что есть|посоветуете|порекомендуете (из); посоветуйте; порекомендуйте; что нибудь; чего нибудь; расскажите (про|о|об); \
         do you (have|sell|stock|carry) (any|anything|some); have you (got) (any|anything|some); have you got (any|anything|some); is there (any|a|anything); are there (any); got any; show me; (is|are) _ available; tell me about; what (kind|kinds|sort) of; anything; looking at",
    ),
    (
        Cue::Remove,
        "убер*; убрать; уберите (пожалуйста|еще|совсем); удалите; вычеркните; исключите; выкиньте; уберем; убираем; минус; снимите; вычеркнуть; удалить; уберите из (заказа|корзины); откажусь от; отказываюсь от; \
         remove; take off|out|away; take it|them off|out; delete; drop; leave out; get rid of; without the; skip the; cancel the; scratch the; minus; no more",
    ),
    (
        Cue::NotWanted,
        "не надо; не нужн*; не нужно; не хочу; не буду; не беру; уберите; убрать; вычеркните; исключите; отмените; отменить; удалите; \
         i dont want (it|them|that) (any) (more|anymore); is not needed; not needed; i dont need (it|them|that)",
    ),
    (
        Cue::Not,
        "без; не; кроме; только не; ни; нет; не хочу; не надо; не нужн*; за исключением; помимо; \
         without; not (the); except (for) (the); no; but not (the); other than (the); excluding; i dont want (any|the); non; dont need",
    ),
    (
        Cue::Same,
        "того же; той же; тот же (самый); та же (самая); тем же; те же (самые); такого же; такой же; такое же; такую же; таким же; таких же; этого же; этой же; аналогичн*; одинаков*; в том же; в таком же; (and) (the|in) (the) same; in (the|that) same; of the same; that same",
    ),
    (
        Cue::SameAll,
        "таких же; такие же; такую же; такой же; такое же; то же самое; тех же (самых); те же самые; этих же; таких; аналогичных; столько же; \
         (of) the same (ones|one|kind|thing|again); (more) of those|these|them|that; same again; same ones; of the same (kind|type)",
    ),
    (
        Cue::Extreme(Extreme::Cheapest),
        "[самы*|самую|самое|самого|самых|наиболее] [дешев*|недорог*|бюджетн*]; недорог*; бюджетн*; наиболее дешев*; дешевле всего; дешевле всех; [ту|тот|та|то|те|той|того] (которая|который|что|которую|которые|где) (по) дешевле|подешевле; что подешевле из; \
         (the) cheapest (one|ones|of|option) (them|these|those); (the) least expensive (one|ones); (the) lowest price; (the) cheaper one; the one thats cheaper; budget (ones|one|option)",
    ),
    (
        Cue::Extreme(Extreme::Cheaper),
        "подешевле (ничего) (нет|есть); ничего (нет) подешевле|дешевле; (что) (нибудь|то) (есть) (по) дешевле; дешевле; (есть) (что) (нибудь|то) подешевле (есть) (нибудь|что) (нибудь); не так дорого; слишком дорого; дорого; дороговато; дорогие; \
         cheaper (ones|options|option); less expensive; (is there) (do you have) (anything|something|any) cheaper (ones); too expensive; which (one) is (the) cheaper; not so expensive; thats expensive",
    ),
    (
        Cue::Extreme(Extreme::Dearest),
        "самы* дорог*; самую дорог*; самое дорог*; самы* лучш*; самую лучшую; самое лучшее; (the) most expensive (one|ones); (the) best (one|ones|quality); top quality",
    ),
    (
        Cue::Extreme(Extreme::Dearer),
        "подороже; дороже; получше; more expensive (one|ones); better (one|ones|quality)",
    ),
    (
        Cue::Any,
        "любой; любая; любую; любые; любое; любого; любом; (мне) (все|всё) равно (какой|какую|какие|какая); (мне) без разницы; (мне) (не) важно какой|какая|какие|какую; неважно; не важно; (да) какой угодно; какую угодно; какие угодно; что угодно; на ваше усмотрение; на ваш выбор; как вам удобно; выберите сами; без предпочтений; (мне) не принципиально; \
         any (of) (them|one); whichever; whatever; (it) doesnt matter; does not matter; i dont care; (i) dont mind; anything (is) (fine|works); either (one|way) (is) (fine); no preference; up to you; you choose; you decide",
    ),
    (
        Cue::PriceMax,
        "до; не дороже (чем); не больше (чем); дешевле; дешевле чем; не более (чем); максимум; в пределах; до суммы; не выше; в районе; under; below; up to; less than; no more than; not more than; cheaper than; at most; within; maximum; not over; no higher than; around",
    ),
    (
        Cue::PriceMin,
        "от; дороже; не дешевле (чем); не меньше (чем); больше чем; дороже чем; начиная от; over; above; more than; at least; from; starting from; starting at",
    ),
    (
        Cue::PriceIs,
        "(тот|та|ту|те|того|той) (который|которая|которую|которые|что) за; (тот|та|ту|те|того) за; (тот|та|ту|те) (который|которая|что|которые|которую) стоит|стоят; за; по цене; по; the one for; the one that costs|is; (that|which) costs; the one at; one for; at; for",
    ),
    (
        Cue::Currency,
        "рубл*; руб; р; доллар*; dollars; dollar; bucks; rubles; roubles; ruble; usd; евро; euros; euro; тенге",
    ),
    (Cue::And, "и; плюс; а; and; с; with; ну и; но; but"),
    (Cue::Or, "или; либо; or"),
    (
        Cue::That,
        "(вот) тот (который|что|где|у которого); (вот) та (которая|что|где); (вот) ту (которая|которую|что|где); (вот) те (которые|что|где); тот вариант; (вот) этот (который); (вот) эту (которая); the one (thats|[that is]|which|that); the ones (that|which); that one; this one; (the) one; которая; который; которые; ту самую",
    ),
    (
        Cue::Other,
        "(the) other one; (а) другой (вариант|тогда); (а) другую (тогда); (а) другая; второй из двух; the other; оставш*; не этот а другой; противоположн*",
    ),
    (
        Cue::None,
        "ни один (из них) (не) (подходит); ни одна (из них) (не) (подходит); ни тот ни другой; ни то ни другое; ни та ни другая; ничего (из этого|из них) (не) (подходит|нравится|подойдет) (подходит|нравится|подойдет); никакой; никакую; никакие; (мне) (все) не подходит (ни) (один|одна); ничего не подходит; none (of) (them|these|those); neither (one|of) (them|these); not any of (them|these)",
    ),
    (
        Cue::Last,
        "последний; последняя; последнюю; последнего; последней; последние; (the) last one; (the) latest (one|order); the last",
    ),
    (
        Cue::Nth,
        "вариант; варианта; номер; под номером; пункт; пункта; number; option; point; no; точка; точку",
    ),
    (Cue::More, "больше; побольше; more"),
    (Cue::Fewer, "меньше; поменьше; less; fewer"),
    (
        Cue::Wrong,
        "неправильн*; неверн*; не тот; не та; не то; ошиб*; не такой; is wrong; wrong; isnt right; incorrect; mistake",
    ),
    (
        Cue::Filler,
        "штук (по); вот эти; вот это; вот эту; какие то; какую то; какой то; что то; машину; на машину; для машины; \
         тогда вот; как бы; то есть; так сказать; ну вот; в общем; по моему; на всякий случай; в принципе; скорее всего; может быть; \
         (я) хочу|хотел* (бы) узнать|спросить|уточнить; я звоню узнать; вы знаете; вы понимаете; дело в том что; я думаю; мне кажется; я звоню; звоню вам; хотел* узнать; хочу узнать; хотел* спросить; можно узнать; хочу спросить; \
         скажите пожалуйста; подскажите пожалуйста; будьте добры; если можно; не могли бы вы; можно ли; можете ли; \
         i was wondering; i would like to know; could you tell me; can you tell me; you know; i think; i guess; i mean; lets see; \
         i am calling; im calling; by the way; if possible; would you; could you; can you; as well; a bit; a little; quick question; for my car; my car",
    ),
];
